// Where a command finds the ledger's one writer, and how it records what it does beside it.
package import JSON
import Ledger
package import Settings

package enum Authority {
    /// The running gate, or this process where none runs. Close it when it has done what it is for.
    /// Throws a `ManagementError` where it cannot be told whether one runs, or `LedgerError`: `.unreadable` where there is no
    /// ledger yet, `.locked` when another process writes it, `.rolledBack` or `.forked` when it is not what was seen signed.
    /// - Parameters:
    ///   - makesLedger: whether one is made where there is none yet.
    ///   - patience: how long it is asked again while a process writes the ledger that cannot be asked: a gate that starts or ends,
    ///     or a command.
    ///   - warn: told of witnesses that cannot be asked, or have less than they took.
    package static func over(
        _ settings: GateSettings, makesLedger: Bool = false, patience: Duration = .zero,
        warn: @escaping @Sendable (String) -> Void
    ) async throws -> any GateAuthority {
        let end = ContinuousClock.now + patience
        var found: (any GateAuthority)?
        var mustAsk = true
        while mustAsk {
            do {
                found = try await find(settings, makesLedger: makesLedger, warn: warn)
                mustAsk = false
            } catch  where isBeingWritten(error) && ContinuousClock.now < end {
                try await Task.sleep(for: rest)
            }
        }
        guard let found else { throw settings.ledgerHandle.absent }
        return found
    }

    /// As `over`, and closes it.
    package static func asking<Answer: Sendable>(
        _ settings: GateSettings, warn: @escaping @Sendable (String) -> Void,
        _ body: (any GateAuthority) async throws -> Answer
    ) async throws -> Answer {
        try await over(settings, warn: warn).closing(body)
    }

    /// Between two looks, of which each waits for the ledger's lock for up to a second.
    private static let rest = Duration.milliseconds(100)

    private static func isBeingWritten(_ error: any Error) -> Bool {
        let cause = (error as? ManagementError)?.cause ?? error
        return (cause as? LedgerError)?.code == .locked
    }

    /// As `over`; nil where there is no ledger yet.
    private static func find(
        _ settings: GateSettings, makesLedger: Bool = false, warn: @escaping @Sendable (String) -> Void
    ) async throws -> (any GateAuthority)? {
        switch await GatePresence.look(settings) {
        case .yes(let control): return control
        case .unknown(let error): throw error
        case .no: break
        }
        guard try makesLedger || settings.ledgerHandle.isThere() else { return nil }
        return try await LocalAuthority.open(settings, warn: warn)
    }

    /// Records that something leaves the gate, before it does. Throws a `ManagementError` when it cannot be recorded: then
    /// nothing may leave. Who cannot pass all of it on says so to what is returned.
    /// - Parameters:
    ///   - what: the command, as the entry says it.
    ///   - attribution: who takes it, and why.
    ///   - own: the authority of this process, which is the gate; nil: it is looked for.
    package static func recordExport(
        _ what: String, detail: [String: JSONValue], by attribution: Attribution,
        settings: GateSettings, own: (any GateAuthority)? = nil, warn: @escaping @Sendable (String) -> Void
    ) async throws -> RecordedExport {
        do {
            let seq = try await record(
                what, detail: detail, by: attribution, settings: settings, own: own, warn: warn)
            return RecordedExport(
                seq: seq, command: what, attribution: attribution, settings: settings, own: own, warn: warn)
        } catch {
            let known = ManagementError.of(error)
            let codes: [ManagementError.Code] = [.unavailable, .configuration]
            throw ManagementError(
                codes.first { $0 == known?.code } ?? .internalError,
                "nothing was exported, because the export cannot be recorded in the ledger: "
                    + (known?.message ?? "\(error)"),
                fix: known?.fix ?? "run this as the gate's own user, and see that its disk has room"
                    + (settings.ledger.readGroup == nil
                        ? "" : "; a running gate records what its auditors export"),
                retryAfter: known?.retryAfter, cause: error)
        }
    }

    /// Writes an entry of an access, and returns its seq.
    static func record(
        _ what: String, detail: [String: JSONValue], by attribution: Attribution,
        settings: GateSettings, own: (any GateAuthority)? = nil, warn: @escaping @Sendable (String) -> Void
    ) async throws -> Int64 {
        let access = AccessRecord.bounded(detail).merging(["command": .string(what)]) { $1 }
        if let own {
            return try await own.recordAccess(access, by: attribution)
        } else {
            return try await asking(settings, warn: warn) {
                try await $0.recordAccess(access, by: attribution)
            }
        }
    }

    /// Records a change that was made in a file. It stands whether or not it can be recorded: then `warn` is told so, and the
    /// gate's own entry names the file and its owner.
    package static func recordChange(
        _ change: ManagedChange, by attribution: Attribution, settings: GateSettings,
        own: (any GateAuthority)? = nil, warn: @escaping @Sendable (String) -> Void
    ) async {
        do {
            if let own {
                _ = try await own.recordChange(change, by: attribution)
            } else if let found = try await find(settings, warn: warn) {
                _ = try await found.closing { try await $0.recordChange(change, by: attribution) }
            } else {
                warn(
                    "the change is made, but not recorded: there is no ledger yet; the gate's first start makes it"
                )
            }
        } catch {
            warn(
                "the change is made, but who made it is not recorded in the ledger: "
                    + "\(ManagementError.of(error)?.description ?? "\(error)")")
        }
    }
}
