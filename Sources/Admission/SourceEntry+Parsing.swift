// An entry from its canonical text: for policies that were in force once. Strict: a field that is not known, is given twice or
// cannot be read makes the text no entry, so that nothing of an old policy is passed over.

extension SourceEntry {
    /// nil for what is no canonical text of this version's fields.
    init?(canonicalText: String) {
        var values: [String: String] = [:]
        for field in canonicalText.unicodeScalars.split(separator: "\t", omittingEmptySubsequences: false) {
            guard let equals = field.firstIndex(of: "="),
                let value = UntrustedText.plain(canonical: field[field.index(after: equals)...]),
                values.updateValue(value, forKey: String(field[..<equals])) == nil
            else { return nil }
        }
        guard let list = values["list"], let service = values["service"],
            let cidr = values["cidr"].flatMap({ try? CIDRBlock($0) }),
            let channels = values["channels"].flatMap(Self.channels),
            let mode = values["mode"].flatMap(Mode.init(rawValue:))
        else { return nil }
        self.init(
            list: list, service: service, cidr: cidr, channels: channels, owner: values["owner"],
            reviewBy: values["review_by"].flatMap(Instant.init(rfc3339:)),
            expires: values["expires"].flatMap(Instant.init(rfc3339:)), mode: mode, note: values["note"])
        ownID = values["id"]
        if let title = values["document.title"], let read = values["document.read"] {
            document = Document(title: title, page: values["document.page"], read: read)
        }
        expect[.webhook] = values["expect.webhook"].flatMap(ExpectedContact.init(summary:))
        expect[.sftp] = values["expect.sftp"].flatMap(ExpectedContact.init(summary:))
        // A field that was not understood is missing now.
        guard self.canonicalText == canonicalText else { return nil }
    }

    private static func channels(_ text: String) -> Set<Channel>? {
        let words = text.split(separator: "+").map { Channel(rawValue: String($0)) }
        return words.contains(nil) ? nil : Set(words.compactMap { $0 })
    }
}
