// An export that the ledger has an entry of. Entries do not change: that an export ended before its end is an entry of its own.
import JSON
import Settings

package struct RecordedExport: Sendable {
    /// Of its entry.
    package let seq: Int64
    private let command: String
    private let attribution: Attribution
    private let settings: GateSettings
    private let own: (any GateAuthority)?
    private let warn: @Sendable (String) -> Void

    init(
        seq: Int64, command: String, attribution: Attribution, settings: GateSettings,
        own: (any GateAuthority)?, warn: @escaping @Sendable (String) -> Void
    ) {
        self.seq = seq
        self.command = command
        self.attribution = attribution
        self.settings = settings
        self.own = own
        self.warn = warn
    }

    /// Records that not all of it left, and why. What keeps that from being recorded is told to `warn`: the caller throws what
    /// ended the export.
    /// - Parameter reach: how far it came; nil where nobody knows.
    package func endedInPart(_ error: any Error, reach: ExportReach? = nil) async {
        let isReaderGone = (error as? any ExportBreak)?.isReaderGone == true
        var detail = reach?.facts ?? [:]
        detail[AccessRecord.whole] = .int(seq)
        detail["why"] = .string(isReaderGone ? "the reader left before the end" : Self.words(error))
        do {
            _ = try await Authority.record(
                command, detail: detail, by: attribution, settings: settings, own: own, warn: warn)
        } catch {
            warn(
                "the ledger says that this was exported (entry \(seq)), and that it ended in part cannot be recorded: "
                    + Self.words(error))
        }
    }

    private static func words(_ error: any Error) -> String {
        ManagementError.of(error)?.message ?? "\(error)"
    }
}
