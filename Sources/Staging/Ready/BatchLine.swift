// One line of an NDJSON batch: the receipt and the exact bytes of the event.
import FoundationEssentials
package import JSON

/// `{"body":"…","receipt":{…}}`, or `body_base64` for bytes that are not UTF-8. The body's bytes are kept
/// exactly, so the receipt's digest can be checked.
package struct BatchLine: Decodable, Sendable {
    package var receipt: Receipt
    private var body: String?
    private var bodyBase64: String?

    enum CodingKeys: String, CodingKey {
        case receipt, body
        case bodyBase64 = "body_base64"
    }

    /// Throws `StagingError` for what is no line of a batch.
    package init(parsing line: some Collection<UInt8>) throws(StagingError) {
        do { self = try JSONDecoder().decode(BatchLine.self, from: Data(line)) } catch {
            throw StagingError(
                .failed, "a line of it is not as the gate wrote it; put the file back that the gate wrote")
        }
    }

    package var bytes: [UInt8]? {
        if let body { return Array(body.utf8) }
        return bodyBase64.flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) }
    }

    /// Writes a line, without its newline.
    /// - Parameter receipt: its canonical bytes.
    package static func write(_ body: [UInt8], receipt: ArraySlice<UInt8>, to json: inout CanonicalJSON) {
        json.openObject()
        if let text = String(validating: body, as: UTF8.self) {
            json.member("body", text)
        } else {
            json.member("body_base64", Data(body).base64EncodedString())
        }
        json.key("receipt")
        json.canonical(receipt)
        json.closeObject()
    }
}
