// The section `forward`: where entries of the ledger go as they come.

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
    /// The private enterprise number in the name of the gate's own structured data; 0: none, which IANA gives nobody.
    package var enterprise: Int64 = 0

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

extension ForwardSettings: SettingsSection {
    static var standard: Self { Self() }

    private typealias Key = Setting<ForwardSettings>

    @SettingsList<ForwardSettings> static var keys: [Setting<ForwardSettings>] {
        Key(.forwardSyslogAddress)
        Key(.forwardSyslogAuthorities)
        Key(.forwardSyslogCertificate)
        Key(.forwardSyslogKey)
        Key(.forwardSyslogEnterprise)
    }
}

extension ForwardFileSettings: SettingsSection {
    static var standard: Self { Self(path: "") }

    private typealias Key = Setting<ForwardFileSettings>

    @SettingsList<ForwardFileSettings> static var keys: [Setting<ForwardFileSettings>] {
        Key(.forwardFilePath)
        Key("forward.file.format", \.format, .word, "jsonl, ecs or ocsf.")
    }
}

/// Keys that `SettingsBuilder` names: it reads them with others.
extension SettingsKey {
    static let forwardSyslogAddress = SettingsKey(
        "forward.syslog.address", "The receiver: tcp://host:port or tls://host:port.",
        line: TemplateLine(value: .example("\"tls://logs.example.org:6514\"")))
    static let forwardSyslogAuthorities = SettingsKey(
        "forward.syslog.authorities",
        "PEM of the authorities that the receiver's certificate is of; the default is the system's.",
        line: TemplateLine(value: .example("ca.pem")))
    static let forwardSyslogCertificate = SettingsKey(
        "forward.syslog.certificate", "PEM of the certificate that the gate shows the receiver.",
        line: TemplateLine(value: .example("gate.pem")))
    static let forwardSyslogKey = SettingsKey(
        "forward.syslog.key", "PEM of that certificate's private key.",
        line: TemplateLine(value: .example("gate.key")))
    static let forwardSyslogEnterprise = SettingsKey(
        "forward.syslog.enterprise",
        "Your private enterprise number (IANA): structured data is named dropgate@NUMBER; 0 is nobody's.",
        line: TemplateLine(value: .example("0")))
    static let forwardFilePath = SettingsKey(
        "forward.file.path", "The file that entries are appended to.",
        line: TemplateLine(value: .example("/var/log/dropgate/entries.jsonl")))
}
