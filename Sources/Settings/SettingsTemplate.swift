// The text of Config/dropgate.yaml, from the declarations of the keys.

struct SettingsTemplate {
    private static let head = """
        # Settings of a Dropgate gate. `dropgate serve --check --config THIS_FILE` validates it and exits.
        #
        # - Values after a comment sign are the defaults. A listener whose section is absent is off.
        # - Relative paths start at the directory of this file.
        # - Sizes: bytes, or KB MB GB KiB MiB GiB (10MiB). Durations: s m h d (24h).
        # - Every key can also be set in the environment: webhook.max_body is DROPGATE_WEBHOOK_MAX_BODY, and lists are
        #   written as in [a, b]. The environment overrides this file.
        # - An unknown key, a wrong value or a contradiction is an error with file, line and column.
        """

    private let keys: [SettingsKey]
    private var lines = [Self.head]
    private var begun: Set<String> = []

    static func text(of keys: [SettingsKey]) -> String {
        var template = SettingsTemplate(keys: ordered(keys).filter(\.isShown))
        for key in template.keys { template.add(key) }
        return template.lines.joined(separator: "\n") + "\n"
    }

    private init(keys: [SettingsKey]) { self.keys = keys }

    /// Keys that follow another one stand behind it.
    private static func ordered(_ keys: [SettingsKey]) -> [SettingsKey] {
        var ordered = keys.filter { $0.line.follows == nil }
        for key in keys {
            guard let before = key.line.follows else { continue }
            let index = ordered.firstIndex { $0.name == before }.map { $0 + 1 } ?? ordered.endIndex
            ordered.insert(key, at: index)
        }
        return ordered
    }

    private mutating func add(_ key: SettingsKey) {
        let sections = key.sections
        for section in sections where begun.insert(section).inserted {
            begin(section, with: key)
        }
        guard TemplateSection.named(sections.last ?? "").form != .flow else { return }
        let margin = margin(in: sections)
        if key.line.isSpaced { lines.append("") }
        comment(key.comment, margin)
        let sign = key.isCommentedOut ? "#" : ""
        let text = key.assignment + key.trailing
        lines += text.split(separator: "\n").map { "\(margin)\(sign)\($0)" }
    }

    /// What stands at the head of a section; a flow section as a whole.
    private mutating func begin(_ name: String, with key: SettingsKey) {
        let section = TemplateSection.named(name)
        let outer = Array(key.sections.prefix { $0 != name })
        let margin = margin(in: outer)
        let label = name.split(separator: ".").last ?? ""
        switch section.form {
        case .block, .off:
            if outer.isEmpty { lines.append("") }
            comment(section.text, margin)
            let sign = section.form == .off ? "#" : ""
            lines.append("\(margin)\(sign)\(label):")
        case .flow:
            if key.line.isSpaced { lines.append("") }
            comment(section.text ?? key.comment, margin)
            let inside = keys.filter { $0.sections.last == name }.map(\.assignment)
            let sign = isOff(outer) ? "" : "#"
            lines.append("\(margin)\(sign)\(label): {\(inside.joined(separator: ", "))}")
        }
    }

    private mutating func comment(_ text: String?, _ margin: String) {
        guard let text else { return }
        lines += text.split(separator: "\n").map { "\(margin)# \($0)" }
    }

    private func isOff(_ sections: [String]) -> Bool {
        sections.contains { TemplateSection.named($0).form == .off }
    }

    private func margin(in sections: [String]) -> String {
        (isOff(sections) ? "# " : "") + String(repeating: "  ", count: sections.count)
    }
}

/// A section as the template shows it.
private struct TemplateSection {
    enum Form {
        case block
        /// One line with all of its keys, behind a comment sign.
        case flow
        /// A block behind comment signs.
        case off
    }

    var text: String?
    var form = Form.block

    static func named(_ name: String) -> Self { all[name] ?? Self() }

    private static let all: [String: TemplateSection] = [
        "webhook": Self(text: "VSee's webhooks over HTTPS: POST <path>."),
        "webhook.tls": Self(
            text: """
                PEM files, read again when they change. Behind a proxy that terminates TLS, use `plaintext: true` instead of tls.
                """),
        "webhook.quarantine": Self(form: .flow),
        "webhook.header": Self(form: .flow),
        "webhook.basic": Self(form: .flow),
        "webhook.standard_webhooks": Self(form: .flow),
        "sftp": Self(
            text: "VSee's SFTP transfers. Every account is a drop box: it can write, and never read back."),
        "console": Self(
            text: """
                Pages, API and metrics for the people who run the gate. Keep it on loopback, or give it TLS.
                """),
        "console.tls": Self(
            text: """
                PEM files, read again when they change. With client_authorities, callers must also show a certificate from one of these.
                """, form: .flow),
        "staging": Self(text: "Where accepted data lies, complete and durable, for its consumers."),
        "ledger": Self(
            text: """
                Every attempt, accepted or rejected, append-only, under signed checkpoints (C2SP tlog-checkpoint).
                """),
        "forward": Self(
            text: """
                Sends entries to other systems as they come. After an outage, forwarding resumes where it stopped: the ledger is \
                the buffer.
                """, form: .off),
        "forward.syslog": Self(
            text: """
                RFC 5424 over TCP or TLS, octet-counted. For TLS: the authorities' PEM (default: the system's), and the \
                gate's own certificate and key. enterprise: your private enterprise number (IANA), which names the gate's structured \
                data, dropgate@NUMBER; 0 belongs to nobody. A new receiver gets the ledger from its first entry on.
                """, form: .flow),
        "forward.file": Self(
            text: """
                Lines for a log shipper: jsonl, ecs or ocsf. The file may be renamed at any time (logrotate without copytruncate).
                """, form: .flow),
    ]
}

extension SettingsKey {
    fileprivate var isShown: Bool {
        if case .absent = line.value { false } else { true }
    }

    fileprivate var isCommentedOut: Bool {
        if case .given = line.value { false } else { true }
    }

    /// The names of the sections around the key, from the outside: "webhook", "webhook.tls".
    fileprivate var sections: [String] {
        name.indices.filter { name[$0] == "." }.map { String(name[..<$0]) }
    }

    fileprivate var comment: String? {
        switch line.comment {
        case .text: line.gap == nil ? text : nil
        case .heading(let heading): heading
        case .none: nil
        }
    }

    fileprivate var trailing: String {
        line.gap.map { String(repeating: " ", count: $0) + "# " + text } ?? ""
    }

    /// `name: value`. A value that begins with a line break is a list in lines of their own.
    fileprivate var assignment: String {
        let label = String(name.split(separator: ".").last ?? "")
        let value =
            switch line.value {
            case .given(let text), .example(let text): text
            case .standard: standard ?? ""
            case .absent: ""
            }
        return value.hasPrefix("\n") ? "\(label):\(value)" : "\(label): \(value)"
    }
}
