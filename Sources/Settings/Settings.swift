// The settings of a gate as validated, immutable values: what the rest of the program works with.
// Nothing here reads files or YAML; `SettingsLoader` makes these values and says what is wrong.
package import Admission

/// Everything `dropgate.yaml` says, validated. A listener whose section is absent is `nil`: off.
package struct GateSettings: Sendable {
    /// The file that they were read from, absolute; empty in settings made by hand.
    package var file = ""
    /// The state directory (absolute): ledger, staging, keys, sockets live here unless said otherwise.
    package var state: String
    /// The node's name, in every ledger entry.
    package var node: String
    package var webhook: WebhookSettings?
    package var sftp: SFTPSettings?
    package var console: ConsoleSettings?
    /// Shell patterns of source list files, absolute; `sources` are the files that they name.
    package var sourcePatterns: [String] = []
    /// The directory of account files, absolute.
    package var accounts: String
    package var staging: StagingSettings
    package var ledger: LedgerSettings
    package var forward = ForwardSettings()
    /// Shell patterns of files of VSee's network rules, absolute; `rules` are the files that they name.
    package var rulePatterns: [String] = []
    /// What is allowed and does not do what whoever wrote it may think: for warnings.
    package var doubts: [SettingsProblem] = []

    package init(
        state: String, node: String, webhook: WebhookSettings?, sftp: SFTPSettings?,
        console: ConsoleSettings?,
        accounts: String, staging: StagingSettings, ledger: LedgerSettings
    ) {
        self.state = state
        self.node = node
        self.webhook = webhook
        self.sftp = sftp
        self.console = console
        self.accounts = accounts
        self.staging = staging
        self.ledger = ledger
    }
}

extension GateSettings: SettingsSection {
    static let standardState = "/var/lib/dropgate"

    /// Relative paths start at the directory of the settings file.
    static var standard: Self {
        var settings = Self(
            state: standardState, node: "", webhook: nil, sftp: nil, console: nil,
            accounts: "accounts", staging: .standard, ledger: .standard)
        settings.sourcePatterns = ["sources/*.yaml"]
        settings.rulePatterns = ["rules/*.yaml"]
        return settings
    }

    private typealias Key = Setting<GateSettings>

    @SettingsList<GateSettings> static var keys: [Setting<GateSettings>] {
        Key(.state)
        Key(
            "node", \.node, .nodeName,
            "This gate's name in every ledger entry. The default is the host's name.",
            line: TemplateLine(value: .example("gate-1"), isSpaced: true))
        Key(.sources)
        Key(
            "accounts", \.accounts, .path,
            """
            Directory of the SFTP senders' accounts, one file each; `dropgate account add NAME` makes them.
            """, line: TemplateLine(isSpaced: true))
        Key(
            "rules", \.rulePatterns, .rulePatterns,
            """
            VSee's network rules, for `dropgate rules`: list, firewall export, checks from this machine.
            """, line: TemplateLine(isSpaced: true))
    }
}

/// Keys that `SettingsBuilder` names: it reads them with others.
extension SettingsKey {
    static let state = SettingsKey(
        "state", "Ledger, staging, keys and sockets live here unless a key below says otherwise.",
        line: TemplateLine(value: .given(GateSettings.standardState), isSpaced: true))
    static let sources = SettingsKey(
        "sources",
        """
        Who may call in: files of source entries; shell patterns are allowed. Read again when they change and on SIGHUP.
        """, isList: true, line: TemplateLine(value: .example("[sources/*.yaml]"), isSpaced: true))
}

/// An address and port to listen on. Port 0 asks the system for a free one (tests).
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    package var ip: IPAddress
    package var port: UInt16

    package init(ip: IPAddress, port: UInt16) {
        self.ip = ip
        self.port = port
    }

    package var description: String { ip.isIPv4 ? "\(ip):\(port)" : "[\(ip)]:\(port)" }
}

/// A secret read from a file of its own. It never prints.
package struct Secret: Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package var description: String { "(secret)" }
}

/// How the source of a connection is learnt; see `AddressResolver`.
package struct AddressSettings: Sendable {
    package var mode: AddressMode
    package var trustedProxies: [CIDRBlock]

    package init(mode: AddressMode, trustedProxies: [CIDRBlock]) {
        self.mode = mode
        self.trustedProxies = trustedProxies
    }

    /// Modes as the words of a sentence: "a, b or c".
    static func list(of modes: [AddressMode]) -> String {
        let words = modes.map(\.rawValue)
        return [words.dropLast().joined(separator: ", "), words.last ?? ""].joined(separator: " or ")
    }
}
