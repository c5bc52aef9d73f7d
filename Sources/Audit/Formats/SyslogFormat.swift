// Entries as syslog messages (RFC 5424). Framing for a transport (RFC 5425, RFC 6587) is the sender's.
import Admission
import JSON

struct SyslogFormat {
    /// Stands in the name of Dropgate's structured data, which RFC 5424 section 6.3.2 wants it for. Dropgate has no number
    /// of its own; 0 is reserved by IANA, so that it cannot be taken for anybody's.
    let enterprise: Int64

    /// Facility 13, "log audit" (RFC 5424 section 6.2.1).
    private static let facility: Int64 = 13

    /// The highest `sequenceId`; the next one is 1 (RFC 5424 section 7.3.1).
    private static let largestSequence: Int64 = 2_147_483_647

    /// HEADER, STRUCTURED-DATA and the entry's JSON as MSG, in ASCII: RFC 5424 section 6.4 wants a byte order mark before
    /// text in UTF-8, and RFC 8259 section 8.1 forbids one before JSON. JSON's own escapes stand for all else; the values
    /// are the same.
    func message(_ facts: EntryFacts) -> [UInt8] {
        let header = [
            "<\(Self.facility * 8 + Self.severity(facts))>1", facts.time.description,
            Self.field(facts.node, limit: 255), Product.name, "-",
            Self.field("\(facts.text("kind") ?? "entry").\(facts.text("verdict") ?? "-")", limit: 32),
        ]
        return Array((header.joined(separator: " ") + " " + structuredData(facts) + " ").utf8)
            + UntrustedText.asciiJSON(facts.json)
    }

    /// Informational, notice, warning or error (RFC 5424 section 6.2.1).
    private static func severity(_ facts: EntryFacts) -> Int64 { 6 - EntrySeverity(facts).rawValue }

    private func structuredData(_ facts: EntryFacts) -> String {
        var parameters: [(String, String)] = [("seq", "\(facts.seq)")]
        for name in ["kind", "channel", "verdict", "reason"] {
            if let text = facts.text(name) { parameters.append((name, text)) }
        }
        if let ip = facts.sourceIP { parameters.append(("source", ip)) }
        for (name, path) in [("account", "account"), ("request", "request.id"), ("drop", "drop.id")] {
            if let text = facts.at(path)?.string { parameters.append((name, text)) }
        }
        if facts.count != 1 { parameters.append(("count", "\(facts.count)")) }
        let sequence = ((facts.seq % Self.largestSequence) + Self.largestSequence) % Self.largestSequence + 1
        return "[meta sequenceId=\"\(sequence)\"][\(Product.name)@\(enterprise)"
            + parameters.map { " \($0)=\"\(Self.escaped($1))\"" }.joined() + "]"
    }

    /// A header field: printable ASCII without spaces (PRINTUSASCII), `-` for nothing.
    private static func field(_ text: String, limit: Int) -> String {
        let field = text.unicodeScalars.prefix(limit).map {
            (0x21...0x7E).contains($0.value) ? Character($0) : "_"
        }
        return field.isEmpty ? "-" : String(field)
    }

    /// `"`, `\` and `]` escaped (RFC 5424 section 6.3.3); control characters become visible, so that a receiver
    /// that splits at line feeds is not misled.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in UntrustedText.line(text).unicodeScalars {
            if scalar == "\"" || scalar == "\\" || scalar == "]" { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result
    }
}

extension EntryFormat {
    /// RFC 5424.
    package static let syslog = syslog(enterprise: 0)

    /// - Parameter enterprise: the private enterprise number of whoever runs the gate; 0: none.
    package static func syslog(enterprise: Int64) -> EntryFormat {
        EntryFormat("syslog", about: "RFC 5424", facts: SyslogFormat(enterprise: enterprise).message)
    }
}
