// The section `staging`: where accepted files lie, and for how long. A key is declared here, beside the value that it fills.

/// How webhook events lie in `ready/webhook`: one file an event, or one NDJSON file a batch.
package enum WebhookLayout: String, Sendable, CaseIterable { case file, ndjson }

package struct StagingSettings: Sendable {
    package var path: String
    /// Free bytes to keep: below, webhooks and uploads are refused before they start.
    package var reserve: Int64 = 1 << 30
    /// Free inodes to keep.
    package var reserveInodes: Int64 = 1000
    package var layout = WebhookLayout.file
    /// After acknowledgement, how long file and receipt stay. nil: for ever.
    package var keepAcknowledged: Duration? = .seconds(24 * 3600)
    /// After quarantine, how long the file stays. nil: for ever.
    package var keepQuarantined: Duration? = .seconds(30 * 24 * 3600)
    /// How long the receipt of a drop that its consumer moved or deleted stays. nil: for ever.
    package var keepReceipts: Duration? = .seconds(90 * 24 * 3600)

    /// A group of the system that may take files from `ready/`, and read receipts.
    package var group: String?

    package init(path: String) { self.path = path }
}

extension StagingSettings: SettingsSection {
    /// Below the state directory unless `staging.path` says otherwise.
    init(state: String) { self.init(path: state + "/staging") }

    static var standard: Self { Self(state: GateSettings.standardState) }

    private typealias Key = Setting<StagingSettings>
    private static let ages: ClosedRange<Duration> = .seconds(60) ... .seconds(3660 * 86400)

    @SettingsList<StagingSettings> static var keys: [Setting<StagingSettings>] {
        Key(.stagingPath, \.path, .path)
        Key(
            "staging.reserve", \.reserve, .size(0...(1 << 50)), "Bytes to keep free.",
            line: TemplateLine(
                comment: .heading(
                    "With less free space than this (bytes, inodes), senders are told to come back later before they send anything."
                )))
        Key(
            "staging.reserve_inodes", \.reserveInodes, .integer(0...1_000_000_000), "Inodes to keep free.",
            line: TemplateLine(comment: .none))
        Key(
            "staging.layout", \.layout, .word,
            "How webhook events lie: one file each, many at once together in a directory (file), or as NDJSON batches (ndjson)."
        )
        Key(
            "staging.group", \.group, .groupName,
            """
            A system group for consumers: its members may take files from ready/ and read receipts, and reach nothing else of the
            gate. Once it is set, run `dropgate init` as root and restart the gate. If this setting is removed, the gate
            withdraws the access at its next start.
            """, line: TemplateLine(value: .example("dropgate-drops")))
        Key(
            "staging.keep_acknowledged", \.keepAcknowledged, .durationOrForever(ages),
            "How long file and receipt stay after `dropgate drops ack`.",
            line: TemplateLine(
                comment: .heading(
                    """
                    How long files and receipts are kept: after `dropgate drops ack`, in quarantine, and after the file was taken.
                    `forever` keeps them.
                    """)))
        Key(
            "staging.keep_quarantined", \.keepQuarantined, .durationOrForever(ages),
            "How long a file stays in quarantine.", line: TemplateLine(comment: .none))
        Key(
            "staging.keep_receipts", \.keepReceipts, .durationOrForever(ages),
            "How long the receipt of a file stays that its consumer has taken.",
            line: TemplateLine(comment: .none))
    }
}

/// Keys that `SettingsBuilder` names: it finds contradictions between them.
extension SettingsKey {
    static let stagingPath = SettingsKey(
        "staging.path", "The staging directory.", line: TemplateLine(comment: .none))
}
