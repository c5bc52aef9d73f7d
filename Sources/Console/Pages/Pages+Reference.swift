// What the API takes and gives, for people: made of the declarations that its description is made of.
import HTTPTypes
import Hummingbird
import Management

extension Pages {
    static let referencePages = [
        Page(path: "reference", permission: .readDrops) { $0.reference($1) }
    ]

    struct Reference: Sendable {
        struct Taken: Sendable {
            let name: String
            let place: String
            let about: String
            let form: String
            let isRequired: Bool
        }

        struct Refused: Sendable {
            let status: Int
            let about: String
        }

        struct Asked: Sendable {
            let id: String
            let method: String
            let path: String
            let summary: String
            let about: String
            let roles: String
            let gives: String
            let success: Int
            let taken: [Taken]
            let takesAny: Bool
            let body: String?
            let refused: [Refused]
        }

        let operations: [Asked]
    }

    private static let asked = API.operations.map { operation in
        Reference.Asked(
            id: operation.id, method: operation.method.rawValue, path: "\(API.root)/\(operation.path)",
            summary: operation.summary, about: operation.about,
            roles: operation.permission.map { permission in
                TokenRole.allCases.filter { $0.may(permission) }.map(\.rawValue).joined(separator: ", ")
            } ?? "everybody, without a token",
            gives: operation.answer.words, success: operation.success,
            taken: operation.parameters.map { parameter in
                Reference.Taken(
                    name: parameter.name, place: parameter.place.rawValue, about: parameter.about,
                    form: parameter.form.words + (parameter.isList ? "; may be repeated" : ""),
                    isRequired: parameter.isRequired)
            },
            takesAny: !operation.parameters.isEmpty, body: operation.isChange ? operation.body.schema : nil,
            refused: operation.problems.map { Reference.Refused(status: $0.status, about: $0.about) })
    }

    private func reference(_ visit: Visit) -> Response {
        html("reference", "The API", visit, Reference(operations: Self.asked))
    }
}

extension Operation.Answer {
    fileprivate var words: String {
        switch self {
        case .json(let schema): "JSON: \(schema)"
        case .text: "text"
        case .events: "server-sent events"
        case .bytes: "bytes, as they are"
        }
    }
}

extension Parameter.Form {
    fileprivate var words: String {
        switch self {
        case .number(let range, let standard):
            "a number from \(range.lowerBound) to \(range.upperBound)"
                + (standard.map { "; \($0) where none is given" } ?? "")
        case .words(let words): words.joined(separator: ", ")
        case .time: "a time as 2026-11-23T08:00:00Z (RFC 3339)"
        case .text: "text"
        }
    }
}
