// Where entries of the ledger are forwarded to as they come.

package struct ForwardSettings: Sendable {
    package var syslog: SyslogSettings?
    package var file: ForwardFileSettings?
}

/// A receiver of RFC 5424 messages.
package struct SyslogSettings: Sendable {
    /// As written: `tcp://host:port` or `tls://host:port`.
    package var address: String
    package var host: String
    package var port: Int
    package var isTLS: Bool
    /// PEM, absolute; nil: the system's.
    package var authorities: String?
    /// PEM, absolute: what the gate shows the receiver.
    package var certificate: String?
    package var key: String?

    /// nil unless the text is `tcp://host[:port]` or `tls://host[:port]`; ports 601 (RFC 3195) and 6514 (RFC 5425).
    package init?(address: String) {
        self.address = address
        let isTLS = address.hasPrefix("tls://")
        guard isTLS || address.hasPrefix("tcp://") else { return nil }
        self.isTLS = isTLS
        var rest = address.dropFirst(6)
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        } else {
            host = String(rest.prefix { $0 != ":" })
            rest = rest.dropFirst(host.count)
        }
        guard !host.isEmpty, !host.contains("/"), !host.contains("@") else { return nil }
        guard rest.hasPrefix(":") else {
            guard rest.isEmpty else { return nil }
            port = isTLS ? 6514 : 601
            return
        }
        guard let number = UInt16(rest.dropFirst()), number > 0 else { return nil }
        port = Int(number)
    }
}

/// A file of lines for log shippers.
package struct ForwardFileSettings: Sendable {
    package enum Format: String, Sendable, CaseIterable { case jsonl, ecs, ocsf }

    /// Absolute.
    package var path: String
    package var format = Format.jsonl

    package init(path: String) { self.path = path }
}
