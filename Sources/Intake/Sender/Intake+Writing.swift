// Small uploads come into the ledger's store with their entries, in the one commit that accepts them. Before one is released or
// put into quarantine it becomes a file, and from then on it is like the larger ones, which are files from the start.
import Blocking
import Ledger
import Staging
import Synchronization

extension Intake {
    /// Makes files of those of an account's settling drops that are none yet; durable when it returns: what a consumer sees is
    /// never lost with the power. One sync serves all of them. The box is locked. Throws what ledger and staging throw.
    func writeFiles(of drops: [String], in box: SenderBox) async throws {
        let missing = box.state.withLock { state in
            drops.compactMap { state.settling[$0] }.filter(\.mustBeWritten)
        }
        guard !missing.isEmpty else { return }
        try await uploads.runToEnd { try self.writeFiles(of: missing, in: box.files) }
        box.state.withLock { state in
            for drop in missing { state.settling[drop.record.id]?.isWritten = true }
        }
    }

    /// As above, of pending drops with a path of `StagingLayout.smallFile`. Whatever a crash left there is written anew, but for
    /// one that has a receipt: that comes after the sync, so its file is whole, or has been released already.
    func writeFiles(of drops: [SenderBox.Settling], in files: PartialStore) throws {
        let small = try files.small()
        var isAny = false
        for drop in drops {
            let record = drop.record
            if try staging.ready.hasReceipt(record.id) || holds(record.readyPath, drop.receipt) { continue }
            // Where the store has nothing of it, the release finds that out.
            guard let bytes = try store.body(seq: record.seq) else { continue }
            try small.clear(record.id)
            try small.createFile(record.id).write(bytes)
            isAny = true
        }
        if isAny { try staging.ready.sync() }
    }
}
