// Drops: what there is, what became of one, whether the files are still what the ledger says, and what a consumer or an
// operator does with them.
import Foundation
import Intake
package import Ledger
package import Settings
package import Staging

/// Methods throw `ManagementError`, `LedgerError` or `StagingError`. Ids are taken as people type them (`TypedDrop`).
package struct DropService: Sendable {
    private let settings: GateSettings

    package init(_ settings: GateSettings) { self.settings = settings }

    /// Newest first.
    /// - Parameter states: none: all.
    package func list(states: Set<DropState> = [], limit: Int = .max) throws -> [DropView] {
        let reader = try settings.ledgerHandle.reader()
        return try reader.drops(states: states, limit: limit).map { try DropView($0, reader) }
    }

    /// Receipts of events that are held in quarantine, oldest first.
    package func held(limit: Int = .max) throws -> [Receipt] {
        // Opening it as an area would make it, as whoever asks. What may not be looked at is not "nothing held".
        do throws(StagingError) {
            _ = try Directory(path: settings.staging.path)
        } catch {
            guard error.code == .notFound else { throw error }
            return []
        }
        return Array(try StagingArea(path: settings.staging.path).quarantinedEvents().prefix(limit))
    }

    package func show(_ id: String) throws -> DropView {
        let reader = try settings.ledgerHandle.reader()
        return try DropView(TypedDrop(id).record(reader, settings), reader)
    }

    /// Where a drop's receipt lies; nil for one that has none yet.
    package func receiptPath(_ view: DropView) -> String? {
        switch view.record.state {
        case .pending: nil
        case .withdrawn:
            view.file(in: settings.staging.path).split(separator: "/", omittingEmptySubsequences: false)
                .dropLast().joined(separator: "/") + "/" + StagingLayout.quarantineReceipt
        case .released, .acknowledged, .lost, .forgotten:
            "\(settings.staging.path)/\(StagingLayout.receipts)/\(StagingLayout.receipt(view.record.id))"
        }
    }

    /// Compares released files and their receipts with the ledger.
    /// - Parameters:
    ///   - ids: none: all released drops.
    ///   - progress: how many entries of the ledger are behind, of how many.
    ///   - found: what was found of each.
    /// Returns how often each finding was made.
    package func verify(
        _ ids: [String] = [], progress: (Int64, Int64) -> Void,
        found: (DropRecord, DropFinding) throws -> Void
    ) throws -> [DropFinding: Int64] {
        let reader = try settings.ledgerHandle.reader()
        let check = try DropCheck(staging: settings.staging.path, reader: reader)
        var counts: [DropFinding: Int64] = [:]
        func look(at record: DropRecord) throws {
            let finding = try check.look(at: record)
            counts[finding, default: 0] += 1
            try found(record, finding)
        }
        for id in ids { try look(at: TypedDrop(id).record(reader, settings)) }
        guard ids.isEmpty else { return counts }
        let all = try reader.lastSeq() ?? 0
        var before: Int64?
        while case let records = try reader.drops(
            states: [.released, .acknowledged], before: before, limit: 500), let last = records.last
        {
            for record in records {
                try look(at: record)
                progress(all - record.seq, all)
            }
            before = last.seq
        }
        return counts
    }

    /// For changes. Close it when they are done.
    /// - Parameters:
    ///   - attribution: who makes them, and why.
    ///   - warn: told of witnesses that cannot be asked.
    package func changing(
        by attribution: Attribution, warn: @escaping @Sendable (String) -> Void
    ) async throws -> DropChanges {
        DropChanges(
            settings: settings, authority: try await Authority.over(settings, warn: warn),
            attribution: attribution)
    }
}

/// Changes of drops, by the running gate or by this process. What is refused is a `ManagementError` that says why.
package struct DropChanges: Sendable {
    fileprivate let settings: GateSettings
    fileprivate let authority: any GateAuthority
    fileprivate let attribution: Attribution

    /// The consumer is done with it. Returns its id.
    package func acknowledge(_ id: String) async throws -> String {
        let drop = try TypedDrop(id)
        guard try await authority.acknowledge(drop.id, by: attribution) else {
            throw drop.notAcknowledged(settings)
        }
        return drop.id
    }

    /// Releases an event that is held in quarantine.
    package func release(_ id: String) async throws -> (id: String, event: ReleasedEvent) {
        let drop = try TypedDrop(id)
        guard try drop.isHeld(settings) else { throw drop.notHeld(settings) }
        do {
            return (drop.id, try await authority.releaseHeld(drop.id, by: attribution))
        } catch let error as IntakeError {
            throw ManagementError(.refused, error.description, cause: error)
        }
    }

    /// Returns when everything that was released lies in `ready/`.
    package func close() async { await authority.close() }
}
