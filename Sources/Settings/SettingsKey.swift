// One key of dropgate.yaml: its name, what it is for, and how the template shows it. A section's file declares its keys
// beside the values that they fill. Unknown keys, names in the environment and the shipped template derive from `all`.

package struct SettingsKey: Sendable {
    /// The path in the file, as in "webhook.max_body". Sections are the prefixes of the paths.
    package let name: String
    /// What the key is for, in lines as the template has them.
    package let text: String
    /// The value is a list: in the environment it is YAML flow text, `[a, b]`.
    let isList: Bool
    let line: TemplateLine
    /// What holds where nothing is said, as it is written; nil: nothing, or it depends on other keys.
    package internal(set) var standard: String?

    init(_ name: String, _ text: String, isList: Bool = false, line: TemplateLine = TemplateLine()) {
        self.name = name
        self.text = text
        self.isList = isList
        self.line = line
    }

    /// The variable that sets this key: DROPGATE_WEBHOOK_MAX_BODY.
    package var environmentName: String {
        "DROPGATE_" + name.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }
}

extension SettingsKey: Hashable {
    package static func == (left: SettingsKey, right: SettingsKey) -> Bool { left.name == right.name }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension SettingsKey {
    /// Every key, in the order in which messages name them.
    package static let all: [SettingsKey] =
        GateSettings.keys.map(\.key) + WebhookSettings.keys.map(\.key) + SFTPSettings.keys.map(\.key)
        + ConsoleSettings.keys.map(\.key) + StagingSettings.keys.map(\.key) + LedgerSettings.keys.map(\.key)
        + ForwardSettings.keys.map(\.key) + ForwardFileSettings.keys.map(\.key)

    static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// The names allowed right below a section ("" is the top of the file).
    static func names(below section: String) -> [String] {
        let prefix = section.isEmpty ? "" : section + "."
        var names: [String] = []
        for key in all where key.name.hasPrefix(prefix) {
            let name = String(key.name.dropFirst(prefix.count).prefix { $0 != "." })
            if !names.contains(name) { names.append(name) }
        }
        return names
    }
}
