// The two texts of an entry: the line people read in traces and diffs, and the canonical text that is
// hashed into the policy version. The canonical text must stay as it is: old ledger entries refer to it.

extension SourceEntry {
    /// `vsee-qatar/clinic 20.21.208.105/32 (enforce, webhook+sftp)`
    package var summary: String {
        let until = expires.map { ", until \($0)" } ?? ""
        return "\(UntrustedText.line(id)) \(cidr) (\(mode.rawValue), \(channelText)\(until))"
    }

    /// `webhook+sftp`, always in the order of `Channel`.
    var channelText: String {
        Channel.allCases.filter(channels.contains).map(\.rawValue).joined(separator: "+")
    }

    /// Every field that can be set, by the name it has in the source list.
    var fields: [(name: String, value: String?)] {
        [
            ("list", list), ("service", service), ("cidr", cidr.description), ("channels", channelText),
            ("document.title", document?.title), ("document.page", document?.page),
            ("document.read", document?.read), ("owner", owner), ("review_by", reviewBy?.description),
            ("expires", expires?.description), ("mode", mode.rawValue), ("note", note),
            ("expect.webhook", expect[.webhook]?.summary), ("expect.sftp", expect[.sftp]?.summary),
            ("id", ownID),
        ]
    }

    /// Those by which callers are let in or refused; the others are for people.
    static let decidingFields: Set<String> = ["cidr", "channels", "expires", "mode"]

    /// `name=value` for the fields that are set, tab separated. `\` and the control characters that could
    /// end a field are escaped, so no two different entries have the same text.
    var canonicalText: String {
        fields.compactMap { field in field.value.map { "\(field.name)=\(UntrustedText.canonical($0))" } }
            .joined(separator: "\t")
    }
}
