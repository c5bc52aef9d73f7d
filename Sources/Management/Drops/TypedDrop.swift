// The id of a drop as somebody typed it, and what is said when it is none or its drop is not what a command needs.
import Admission
import Files
import Foundation
import Ledger
import Reachability
import Settings
import Staging

struct TypedDrop {
    /// As the ledger writes it.
    let id: String

    /// Capitals are taken too: people read ids out to each other. Throws a `ManagementError` that says what an id looks like.
    init(_ text: String) throws {
        let lower = text.lowercased()
        if DropID.isValid(lower) {
            id = lower
            return
        }
        let what =
            DropID.isBeginning(lower)
            ? "\"\(lower)\" is only the beginning of a drop id, and several may begin so"
            : "\"\(UntrustedText.head(text))\" is not a drop id"
        throw ManagementError(
            .refused, what, fix: "`dropgate drops list` shows the ids, each of 26 letters and digits")
    }

    /// Throws a `ManagementError` when the ledger does not know the drop.
    func record(_ reader: any LedgerReading, _ settings: GateSettings) throws -> DropRecord {
        guard let record = try reader.drop(id: id) else { throw unknown(settings) }
        return record
    }

    /// Throws where this process may not look.
    func isHeld(_ settings: GateSettings) throws -> Bool {
        try Presence.check("\(settings.staging.path)/\(StagingLayout.heldFile(id))")
    }

    /// Whether it was fetched from another gate, and is held until that one has let go of it.
    func isHeldPull(_ settings: GateSettings) -> Bool { known(settings)?.isHeld == true }

    /// Why the drop was not acknowledged.
    func notAcknowledged(_ settings: GateSettings) -> ManagementError {
        guard let record = known(settings) else { return unknown(settings) }
        let what =
            switch record.state {
            case .pending: "is not released yet, so it cannot be acknowledged"
            case .released, .taken: "was not acknowledged"
            case .acknowledged: "is acknowledged already"
            case .forgotten: "was finished long ago, and its receipt was removed"
            // By its sender, or by a person: `drops show` says more.
            case .withdrawn: "was withdrawn before it was acknowledged"
            case .lost: "is lost"
            }
        let next =
            record.state == .released || record.state == .taken
            ? "try again" : "`dropgate drops show \(id)` says more"
        return ManagementError(.refused, "drop \(id) \(what)", fix: next)
    }

    /// Why there is nothing to release.
    func notHeld(_ settings: GateSettings) -> ManagementError {
        guard let record = known(settings) else {
            return ManagementError(
                .refused, "there is no drop \(id) in quarantine",
                fix: "`dropgate drops list --held` shows what is held")
        }
        let what =
            switch record.state {
            case .pending: "it is accepted, and on its way to ready/"
            case .released: released(record, settings)
            case .taken: Self.taken
            case .acknowledged: "it was released, and its consumer has acknowledged it"
            case .forgotten: "it was released and finished long ago, and its receipt was removed"
            case .withdrawn: "it was withdrawn"
            case .lost: "it is lost"
            }
        return ManagementError(
            .refused, "drop \(id) is not held: \(what)", fix: "`dropgate drops show \(id)` says more")
    }

    private static let taken = "it was released, and its consumer has taken it"

    /// A consumer may have taken it, and the ledger does not know that yet. Where staging cannot be looked at nobody does.
    private func released(_ record: DropRecord, _ settings: GateSettings) -> String {
        guard let reader = try? settings.ledgerHandle.reader(), let look = try? ReadyLook(settings, reader),
            let place = try? look.place(of: record)
        else { return "it is released" }
        return switch place {
        case .there: "it is released, and waits in ready/"
        case .taken: Self.taken
        case .unknown: "it is released"
        }
    }

    /// What keeps an upload from being withdrawn until a person has mended it: something in staging, on the way to where it lies or is to
    /// go. nil where nothing of that can be seen.
    func barrier(_ settings: GateSettings) -> ManagementError? {
        guard let record = known(settings), let account = StagingLayout.account(ofReady: record.readyPath)
        else { return nil }
        let ends = [
            StagingLayout.released(record.readyPath), StagingLayout.acceptedFile(id, of: account),
            "\(StagingLayout.quarantine)/\(StagingLayout.sftp)/\(account)/\(id)",
        ]
        let staging = settings.staging.path
        // From the outermost on, staging itself first.
        let ways: [String] = ends.flatMap { end in
            Paths.above("/" + end).reversed().map { $0 == "/" ? staging : staging + $0 }
        }
        return OwnershipCheck.barrier(ways, settings).map { found in
            ManagementError(
                .configuration, "drop \(id) cannot be withdrawn now: \(found.text)", fix: found.fix)
        }
    }

    /// Why there is nothing to withdraw.
    func notWithdrawn(_ settings: GateSettings) -> ManagementError {
        guard let record = known(settings) else {
            return ManagementError(
                .refused, "there is no drop \(id), and none is held",
                fix: "`dropgate drops list` and `dropgate drops list --held` show what there is")
        }
        let what =
            switch record.state {
            case .released: "is not in ready/ any more: a consumer has it"
            case .pending: "cannot be withdrawn at this moment"
            default: "cannot be withdrawn: it is \(record.state)"
            }
        return ManagementError(
            .refused, "drop \(id) \(what)", fix: "`dropgate drops show \(id)` says more")
    }

    private func known(_ settings: GateSettings) -> DropRecord? {
        try? settings.ledgerHandle.reader().drop(id: id)
    }

    private func unknown(_ settings: GateSettings) -> ManagementError {
        // Where nobody may look, nothing is known to be held.
        guard (try? isHeld(settings)) == true else {
            return ManagementError(
                .refused, "there is no drop \(id)", fix: "`dropgate drops list` shows what there is")
        }
        return ManagementError(
            .refused,
            "drop \(id) is held in quarantine: `dropgate drops list --held` shows it, and `dropgate drops release "
                + "\(id)` releases it once its source is listed")
    }
}
