// Tells drops that a consumer has taken from those that wait. Nobody says so: they are found gone from `ready/`. It has no
// entry, as a release has none: the entries of the ledger say what somebody did, and this is what staging looks like, of which
// the drop's state and its time are the record.
import Admission
package import Ledger
import Staging
import Synchronization

/// How far the rounds have come, so that each looks at a bounded number of drops and all have their turn.
struct TakenCursors: Sendable {
    var released: Int64 = -1
    var taken: Int64 = -1
}

struct TakenSweep {
    private static let page = 500

    let intake: Intake
    /// Looks of one round at drops that wait.
    var mostLooks = 5_000
    /// Looks of one round at taken ones, which may have been put back: at so many of the newest, and so many of all in turn.
    var mostSecondLooks = 1_000

    private var staging: StagingArea { intake.staging }

    /// One round. A drop of which it cannot be told, or an account whose directories cannot be opened, keeps no other from its turn;
    /// throws the first such error at the end.
    func run() async throws {
        var failure = FirstFailure()
        var cursors = intake.takenCursors.withLock { $0 }
        defer { intake.takenCursors.withLock { $0 = cursors } }
        try await forEachPage(of: .released, &cursors.released, most: mostLooks) { drops in
            let gone = drops.filter { drop in
                do { return try isTaken(drop) } catch {
                    failure.note(error)
                    return false
                }
            }
            for (account, drops) in Dictionary(
                grouping: gone, by: { StagingLayout.account(ofReady: $0.readyPath) })
            {
                // What the ledger throws ends the round.
                do { try await take(drops, of: account) } catch let error as StagingError {
                    failure.note(error)
                }
            }
        }
        // A consumer puts back what it has just taken. Those that were taken stay for months, and all of them in turn are the
        // work of hours.
        try await giveBack(intake.store.newestDrops(in: .taken, limit: mostSecondLooks))
        try await forEachPage(of: .taken, &cursors.taken, most: mostSecondLooks, giveBack)
        try failure.rethrow()
    }

    private func giveBack(_ taken: [DropRecord]) async throws {
        let back = taken.filter(isBack)
        guard !back.isEmpty else { return }
        try await intake.writer.commit(.returned(back.map { ($0.id, $0.readyPath) }))
    }

    /// At its end the next round begins anew.
    private func forEachPage(
        of state: DropState, _ cursor: inout Int64, most: Int, _ body: ([DropRecord]) async throws -> Void
    ) async throws {
        var left = most
        while left > 0 {
            let drops = try intake.store.drops(in: state, after: cursor, limit: min(left, Self.page))
            guard let last = drops.last else {
                cursor = -1
                return
            }
            try await body(drops)
            cursor = last.seq
            left -= drops.count
        }
    }

    /// Throws a `StagingError` where the account's directories are not as they should be: its drops are looked at again in a later round.
    /// - Parameter account: among whose names they are; nil: they are events.
    private func take(_ drops: [DropRecord], of account: String?) async throws {
        // What lies there need not be a directory. Then its box cannot be loaded, and its drops wait until the directory is back.
        if let account, try staging.uploads.status(account) != nil {
            // Its sender may be renaming it, or taking it back, this very moment.
            try await intake.box(of: account).lock.with(.exclusive) {
                try await mark(
                    drops.filter { drop in
                        guard let now = try intake.store.drop(id: drop.id), now.state == .released,
                            now.readyPath == drop.readyPath
                        else { return false }
                        return try isTaken(now)
                    })
            }
        } else {
            // An account of which everything was pulled has no directory. One whose directory was moved away may have its files in there.
            if let account { try intake.checkDirectory(of: account) }
            try await mark(drops)
        }
    }

    private func mark(_ drops: [DropRecord]) async throws {
        guard !drops.isEmpty else { return }
        try await intake.writer.commit(.taken(drops.map { ($0.id, $0.readyPath) }, at: intake.now))
    }

    /// Its file is gone and its receipt is there. Where the receipt is not there either, this may be a directory on which
    /// staging is not mounted.
    private func isTaken(_ drop: DropRecord) throws -> Bool {
        try !intake.isThere(drop) && staging.ready.hasReceipt(drop.id, at: drop.readyPath)
    }

    /// What cannot be read is not the drop's file: whatever its consumer has put there keeps no sweep from its end.
    private func isBack(_ drop: DropRecord) -> Bool {
        guard (try? intake.isThere(drop)) == true,
            let receipt = try? staging.ready.receipt(drop.id, at: drop.readyPath),
            let bytes = try? staging.ready.openReleased(drop.readyPath).size()
        else { return false }
        return receipt.line != nil || bytes == receipt.bytes
    }
}

extension Intake {
    /// Whether a released drop lies in `ready/` still; of one that is a line, whether its batch does. Looks at the disk, on the
    /// caller's thread.
    package func isThere(_ drop: DropRecord) throws -> Bool {
        try staging.ready.stillHolds(drop.readyPath) && isStill(drop)
    }

    /// Whether what lies at a drop's path is the drop: its consumer may have moved it, and a later file may have been given
    /// the name since.
    func isStill(_ drop: DropRecord) throws -> Bool {
        guard drop.incoming != nil else { return true }
        return try store.newestUpload(readyPath: drop.readyPath)?.id == drop.id
    }
}
