// The id of a drop as somebody typed it, and what is said when it is none or its drop is not what a command needs.
import Admission
import Foundation
import Ledger
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
        let help = "`dropgate drops list` shows the ids, each of 26 letters and digits"
        guard DropID.isBeginning(lower) else {
            throw ManagementError(.refused, "\"\(UntrustedText.head(text))\" is no drop id; \(help)")
        }
        throw ManagementError(
            .refused, "\"\(lower)\" is only the beginning of a drop id, and several may begin so; \(help)")
    }

    /// Throws a `ManagementError` when the ledger does not know the drop.
    func record(_ reader: any LedgerReading, _ settings: GateSettings) throws -> DropRecord {
        guard let record = try reader.drop(id: id) else { throw ManagementError(.refused, unknown(settings)) }
        return record
    }

    func isHeld(_ settings: GateSettings) -> Bool {
        FileManager.default.fileExists(atPath: "\(settings.staging.path)/\(StagingLayout.heldFile(id))")
    }

    /// Why the drop was not acknowledged.
    func notAcknowledged(_ settings: GateSettings) -> String {
        guard let record = known(settings) else { return unknown(settings) }
        let next = "`dropgate drops show \(id)` says more"
        return switch record.state {
        case .pending: "drop \(id) is not released yet, so nobody can be done with it; \(next)"
        case .released: "drop \(id) was not acknowledged; try again"
        case .acknowledged: "drop \(id) is acknowledged already; \(next)"
        case .forgotten: "drop \(id) is done with already, and its receipt was removed; \(next)"
        case .withdrawn: "drop \(id) was taken back by its sender before it was acknowledged; \(next)"
        case .lost: "drop \(id) is lost; \(next)"
        }
    }

    /// Why there is nothing to release.
    func notHeld(_ settings: GateSettings) -> String {
        guard let record = known(settings) else {
            return "there is no drop \(id) in quarantine; `dropgate drops list --held` shows what is held"
        }
        return "drop \(id) is not held, it is \(record.state); `dropgate drops show \(id)` says where it lies"
    }

    private func known(_ settings: GateSettings) -> DropRecord? {
        try? settings.ledgerHandle.reader().drop(id: id)
    }

    private func unknown(_ settings: GateSettings) -> String {
        guard isHeld(settings) else {
            return "there is no drop \(id); `dropgate drops list` shows what there is"
        }
        return
            "drop \(id) is held in quarantine: `dropgate drops list --held` shows it, and `dropgate drops release "
            + "\(id)` releases it once its source is listed"
    }
}
