// Moves old entries of the ledger to compressed segment files, and removes those whose time is over. Their hashes
// stay in the tree, so that all other entries can still be proven.
import Admission
import Blocking
package import Intake
import Ledger
import Logging
import ServiceLifecycle

/// Sweeps the ledger once an hour.
package struct Sealer: Service {
    /// Entries that leave the database in one transaction: receivers wait no longer than that takes.
    private static let step = 500

    private let intake: Intake
    private let reader: any LedgerSealing
    /// It reads and compresses entries by the thousand.
    private let executor = BlockingExecutor(label: "sealer", width: 1)
    private let sealAfter: Duration?
    private let retain: Duration?
    private let width: Int64
    private let ages: AgeClock

    /// - Parameter sealAfter: the age at which entries are sealed; nil: never.
    /// - Parameter retain: the age at which sealed entries are removed; nil: never.
    /// - Parameter width: entries in a segment, a multiple of 256.
    package init(
        _ intake: Intake, sealAfter: Duration?, retain: Duration?, width: Int64 = LedgerSegment.width,
        ages: AgeClock? = nil
    ) throws {
        self.intake = intake
        self.sealAfter = sealAfter
        self.retain = retain
        self.width = width
        self.ages = ages ?? AgeClock(intake)
        reader = try intake.ledger.sealing()
    }

    package func run() async throws {
        await withTaskExecutorPreference(executor) {
            await cancelWhenGracefulShutdown {
                while !Task.isCancelled {
                    await sweep()
                    try? await Task.sleep(for: .seconds(3600))
                }
            }
        }
    }

    /// One round. What fails is logged and tried again in the next one.
    package func sweep() async {
        do {
            try await clearSealed()
            while try await sealNext() {}
            try await removeOld()
            intake.health.clear(problem: "sealing")
        } catch {
            if intake.health.set(
                problem: "sealing",
                message: "old entries of the ledger could not be sealed or removed: \(error)")
            {
                intake.logger.error("sealing the ledger failed, it is tried again: \(error)")
            }
        }
    }

    private func sealNext() async throws -> Bool {
        guard let sealAfter, !Task.isCancelled, let next = try reader.nextSegment(width: width),
            try isOlder(next.entries, next.lastTime, than: sealAfter),
            try !reader.hasPendingDrops(next.entries)
        else { return false }
        let segment = try reader.writeSegment(next.number, next.entries)
        try await intake.carryOut(.sealed(segment))
        intake.logger.notice(
            "ledger: sealed entries \(segment.first) to \(segment.last) in \(segment.fileName), \(segment.bytes) bytes"
        )
        try await clearSealed()
        return true
    }

    /// Takes sealed entries out of the database, also those that a stop left there.
    private func clearSealed() async throws {
        guard let newest = try reader.segments().last,
            try reader.hasUnclearedEntries(below: newest.last + 1)
        else { return }
        // Afterwards they are in its file alone.
        try reader.requireUnaltered(newest)
        while case .changed(true) = try await intake.carryOut(
            .clearSealed(below: newest.last + 1, limit: Self.step))
        {
            try Task.checkCancellation()
        }
    }

    /// By when they had been written, as far as the ledger tells that, and not by their times: those stay ahead for as long as the
    /// clock has not come to where it once was by mistake.
    private func isOlder(
        _ entries: Range<Int64>, _ lastTime: Instant, than age: Duration
    ) throws -> Bool {
        let now = intake.now
        guard let written = try reader.writtenBy(entries, lastTime: lastTime, now: now) else { return false }
        return now - written > age
    }

    private func removeOld() async throws {
        // Entries were written in the order of their numbers: behind a segment that is to stay none is looked at.
        var isOver = ages.isBelieved()
        for segment in try reader.segments() {
            var segment = segment
            if let retain, isOver, segment.removalEntry == nil {
                isOver = try mayGo(segment, after: retain)
                if isOver { segment.removalEntry = try await recordRemoval(of: segment) }
            }
            try reader.removeFile(of: segment)
        }
    }

    private func mayGo(_ segment: LedgerSegment, after age: Duration) throws -> Bool {
        let entries = segment.first..<segment.last + 1
        // Of what was renamed after it had been sealed the entry is needed once more.
        guard try isOlder(entries, segment.lastTime, than: age), try !reader.hasPendingDrops(entries)
        else { return false }
        // Whoever can write the table could make everything old by one column: what it says is held against the file before the file
        // goes. That reads all of it, and is not done for as long as it stays anyway.
        try reader.requireUnaltered(segment)
        return true
    }

    /// - Returns: the entry that tells it, durable before the file goes; a stop in between leaves a file that the next sweep removes.
    ///   nil where its removal is recorded already.
    private func recordRemoval(of segment: LedgerSegment) async throws -> Int64? {
        guard case .appended(let entry) = try await intake.carryOut(.segmentRemoved(segment)) else {
            return nil
        }
        intake.logger.notice(
            "ledger: removed entries \(segment.first) to \(segment.last), their time is over")
        return entry.seq
    }
}
