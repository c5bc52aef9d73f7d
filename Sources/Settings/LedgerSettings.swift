// The section `ledger`: its files, its checkpoints, and how long entries are kept. A key is declared here, beside the value
// that it fills.

/// Who keeps the ledger's checkpoints out of its own reach.
package enum WitnessSettings: Sendable, Hashable, CustomStringConvertible {
    /// A file, absolute; best on another mount.
    case file(String)
    /// `http` or `https`: POST of each checkpoint, GET of the newest.
    case http(String)
    /// Messages to the target of `forward.syslog`.
    case syslog

    /// What is shown of it, without secrets.
    package var description: String {
        switch self {
        case .file(let path): path
        case .http(let url): WitnessURL.shown(url)
        case .syslog: "syslog"
        }
    }
}

package struct LedgerSettings: Sendable {
    /// The SQLite file, absolute.
    package var path: String
    /// The private key that signs checkpoints, absolute; public keys, old ones too, lie beside it in `<key>.pub`.
    package var key: String
    /// How soon after an append a checkpoint is signed.
    package var checkpointEvery: Duration = .seconds(10)
    package var witnesses: [WitnessSettings] = []
    /// After how long entries move to compressed segment files. nil: never.
    package var sealAfter: Duration? = .seconds(400 * 86400)
    /// How long entries are kept at least; sealed segments older than this are removed. nil: for ever.
    package var retain: Duration? = .seconds(2192 * 86400)

    /// A group of the system that may read the ledger, its checkpoints and its public keys; nil: nobody but the gate's user.
    package var readGroup: String?

    package init(path: String, key: String) {
        self.path = path
        self.key = key
    }
}

extension LedgerSettings: SettingsSection {
    /// Below the state directory unless `ledger.path` and `ledger.key` say otherwise.
    init(state: String) {
        let layout = StateLayout(state)
        self.init(path: layout.ledger, key: layout.ledgerKey)
    }

    static var standard: Self { Self(state: GateSettings.standardState) }

    private typealias Key = Setting<LedgerSettings>
    private static let ages: ClosedRange<Duration> = .seconds(3600) ... .seconds(36_600 * 86400)

    @SettingsList<LedgerSettings> static var keys: [Setting<LedgerSettings>] {
        Key(.ledgerPath, \.path, .path)
        Key(
            "ledger.key", \.key, .path,
            """
            The key that signs checkpoints; `dropgate init` makes it. Give auditors KEY.pub, and keep a copy of KEY.pub elsewhere.
            """)
        Key(
            "ledger.checkpoint_every", \.checkpointEvery, .duration(.seconds(1) ... .seconds(3600)),
            "How soon after an entry a checkpoint is signed.")
        Key(.ledgerWitnesses, \.witnesses, .witnesses)
        Key(.ledgerSealAfter, \.sealAfter, .durationOrForever(ages))
        Key(.ledgerRetain, \.retain, .durationOrForever(ages))
        Key(
            "ledger.read_group", \.readGroup, .groupName,
            """
            A system group for auditors: its members may read the ledger, checkpoints and public keys, and change nothing. Once it
            is set, run `dropgate init` as root and restart the gate. Whoever can read the ledger while it is written can lock it
            and so hold the gate up, and can read the data that is not released yet: add only people whom you trust with
            that, and give others copies. If this setting is removed, the gate withdraws the access at its next start.
            """, line: TemplateLine(value: .example("dropgate-audit")))
    }
}

/// Keys that `SettingsBuilder` names: it finds contradictions between them.
extension SettingsKey {
    static let ledgerPath = SettingsKey(
        "ledger.path", "The ledger's file.", line: TemplateLine(comment: .none))
    static let ledgerWitnesses = SettingsKey(
        "ledger.witnesses",
        """
        Witnesses keep checkpoints where this machine cannot change them: files on another mount, https URLs (each checkpoint
        is POSTed), or syslog (the target of forward.syslog). Without a witness nobody can prove that the whole ledger
        was not replaced.
        """, isList: true, line: TemplateLine(value: .example("[/mnt/worm/gate-1.notes]")))
    static let ledgerSealAfter = SettingsKey(
        "ledger.seal_after", "When old entries move to compressed files.",
        line: TemplateLine(
            comment: .heading(
                """
                When old entries move to compressed files, and how long all are kept at least (six years), or `forever`.
                """)))
    static let ledgerRetain = SettingsKey(
        "ledger.retain", "How long entries are kept at least.", line: TemplateLine(comment: .none))
}
