// One line of an NDJSON batch: the receipt and the exact bytes of the event.
import FoundationEssentials
package import JSON

/// `{"body":"…","receipt":{…}}`, or `body_base64` for bytes that are not UTF-8. The body's bytes are kept
/// exactly, so the receipt's digest can be checked.
package struct BatchLine: Sendable {
    package let receipt: Receipt
    /// The event's.
    package let bytes: [UInt8]

    /// Throws `StagingError` for what is no line of a batch, and for one with two bodies: consumers may take either.
    package init(parsing line: some Collection<UInt8>) throws(StagingError) {
        guard let json = try? JSONValue(parsing: Array(line)),
            let receipt = json["receipt"].flatMap(Receipt.init),
            let bytes = Self.body(of: json)
        else {
            throw StagingError(
                .failed, "a line of it is not as the gate wrote it; put the file back that the gate wrote")
        }
        (self.receipt, self.bytes) = (receipt, bytes)
    }

    private static func body(of line: JSONValue) -> [UInt8]? {
        switch (line["body"], line["body_base64"]) {
        case (.string(let text)?, nil): Array(text.utf8)
        case (nil, .string(let text)?): Data(base64Encoded: text).map { [UInt8]($0) }
        default: nil
        }
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
