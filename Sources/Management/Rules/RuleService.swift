// VSee's network rules: as the document has them, tried from this machine, and in a firewall's language.
package import RuleBook
package import Settings

/// Methods throw `ManagementError` or `SettingsErrors`.
package struct RuleService: Sendable {
    let settings: GateSettings?

    /// - Parameter settings: nil: only the rules that came with this program are known.
    package init(_ settings: GateSettings?) { self.settings = settings }

    /// The rule books of the settings; without settings or rule files, the shipped one.
    package func books() throws(SettingsErrors) -> [RuleBook] {
        try RuleBookLoader.load(files: settings?.rules ?? [])
    }

    /// The hosts that a check or an export uses where the rules only describe them.
    /// - Parameter hosts: each as `PATTERN=HOST`.
    static func hostMap(_ hosts: [String], _ books: [RuleBook]) throws(ManagementError) -> HostMap {
        var map = HostMap()
        for text in hosts where !map.add(text) {
            throw ManagementError(
                .invalid, "--host \(text): write PATTERN=HOST, as in '*.vsee.qa=app.vsee.qa'")
        }
        let unknown = map.unknown(in: books)
        guard unknown.isEmpty else {
            throw ManagementError(
                .invalid,
                "--host \(unknown.joined(separator: ", ")): neither a server nor a row of the rules",
                fix: "see `dropgate rules list`")
        }
        return map
    }
}
