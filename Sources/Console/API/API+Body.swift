// The body of a request that changes something or starts something: a JSON object, of members that its operation has.
import Admission
import HTTPTypes
import Hummingbird
import JSON
import Management
import NIOCore

extension Request {
    /// The body, once it is whole. Throws a `Problem`: what is too long, and what broke off, are two things.
    /// - Parameter bound: says how long it may be.
    func wholeBody(most: Int, _ bound: String) async throws(Problem) -> ByteBuffer {
        do { return try await body.collect(upTo: most) } catch is NIOTooManyBytesError {
            throw Problem(.contentTooLarge, "too_large", bound, reason: .tooLarge)
        } catch {
            // Nobody is there to read it, as a rule.
            throw Problem(.badRequest, "bad_body", "the body broke off before its end")
        }
    }
}

extension API {
    private static let longestBody = 4096
    /// Of a body that has the text of a source list in it.
    static let longestList = 1 << 20
    /// In characters, which a schema can say, and not in bytes.
    static let longestComment = 256

    /// The body's members; none: there is no body. Throws a `Problem`.
    /// - Parameters:
    ///   - known: what they may be called; all of them are texts.
    ///   - example: a body as it should be, for messages.
    func body(
        _ call: Call, _ known: Set<String>, example: String, most: Int = longestBody
    ) async throws -> [String: String] {
        let body = try await call.request.wholeBody(
            most: most, "the body must not be larger than \(most) bytes")
        guard body.readableBytes > 0 else { return [:] }
        let type = call.request.headers[.contentType]?.split(separator: ";").first?.lowercased()
        guard type == "application/json" else {
            throw Problem(
                .unsupportedMediaType, "unsupported_media_type", "the body must be application/json")
        }
        guard let members = (try? JSONValue(parsing: Array(body.readableBytesView)))?.object,
            members.keys.allSatisfy(known.contains), members.values.allSatisfy({ $0.string != nil })
        else { throw Problem(.badRequest, "bad_body", "write \(example)") }
        let texts = members.compactMapValues(\.string)
        guard (texts["comment"]?.unicodeScalars.count ?? 0) <= Self.longestComment else {
            throw Problem(
                .badRequest, "bad_body", "a comment may have \(Self.longestComment) characters at most")
        }
        return texts
    }

    /// Who makes a change, with the comment in its body, if there is one.
    func attribution(_ call: Call) async throws -> Attribution {
        let body = try await body(call, ["comment"], example: "{\"comment\": \"…\"}, or no body")
        return try call.attribution(body["comment"])
    }
}
