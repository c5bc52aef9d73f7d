// A receipt as it is read back: strictly, for consumers may read other JSON than the gate does where a text has two meanings.
package import JSON

extension Receipt {
    /// Throws `StagingError` for what is not a receipt.
    package init(parsing bytes: [UInt8]) throws(StagingError) {
        guard let json = try? JSONValue(parsing: bytes), let receipt = Receipt(json) else {
            throw StagingError(
                .damaged, "this is not a receipt; put the file back that the gate wrote")
        }
        self = receipt
    }

    /// nil for a value that is no receipt. Members that this release does not know are left out: a later one may have written it.
    package init?(_ json: JSONValue) {
        guard case .object(var members) = json, let drop = members.removeValue(forKey: "drop")?.string,
            let channel = members.removeValue(forKey: "channel")?.string,
            let name = members.removeValue(forKey: "name")?.string,
            let file = members.removeValue(forKey: "file")?.string,
            let bytes = members.removeValue(forKey: "bytes")?.int,
            let received = members.removeValue(forKey: "received")?.string
        else { return nil }
        self.init(drop: drop, channel: channel, name: name, file: file, bytes: bytes, received: received)
        for (member, path) in Self.texts {
            guard let value = members[member] else { continue }
            guard let text = value.string else { return nil }
            self[keyPath: path] = text
        }
        do {
            format = try Self.number(members["format"])
            line = try Self.number(members["line"])
            seq = try Self.number(members["seq"])
            entries = try Self.list(members["entries"])
        } catch { return nil }
    }

    private struct OtherType: Error {}

    private static func number<Number: FixedWidthInteger>(_ value: JSONValue?) throws(OtherType) -> Number? {
        guard let value else { return nil }
        guard let number = value.int.flatMap(Number.init(exactly:)) else { throw OtherType() }
        return number
    }

    private static func list(_ value: JSONValue?) throws(OtherType) -> [String]? {
        guard let value else { return nil }
        let texts = value.array?.map(\.string)
        guard let texts, !texts.contains(nil) else { throw OtherType() }
        return texts.compactMap(\.self)
    }

    private static let texts: [(String, any WritableKeyPath<Receipt, String?> & Sendable)] = [
        ("account", \.account), ("content_type", \.contentType), ("credential", \.credential),
        ("duplicate_of", \.duplicateOf), ("envelope", \.envelope), ("event_id", \.eventID),
        ("event_type", \.eventType), ("modified", \.modified), ("origin", \.origin), ("path", \.path),
        ("policy", \.policy), ("pulled", \.pulled), ("reason", \.reason), ("released", \.released),
        ("same_event_as", \.sameEventAs), ("sha256", \.sha256), ("source", \.source),
        ("uploaded_as", \.uploadedAs),
    ]

    /// The names of all members.
    package static var members: [String] {
        ["bytes", "channel", "drop", "entries", "file", "format", "line", "name", "received", "seq"]
            + texts.map(\.0)
    }
}
