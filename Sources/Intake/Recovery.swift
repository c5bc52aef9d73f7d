// Completes drops whose entry is committed and whose file is not yet released, and releases fresh ones: the
// same steps in both cases.
import Admission
import Ledger
import Logging
import Staging

extension Intake {
    /// At start, before any receiver: finishes webhook batches and uploads that a crash interrupted.
    func recover() throws {
        try staging.recoverBatches()
        var after: Int64 = -1
        var completed: [(id: String, readyPath: String)] = []
        while case let pending = try store.pendingDrops(after: after, limit: 256), let last = pending.last {
            after = last.record.seq
            for drop in pending where drop.record.incoming != nil {
                let receipt = try Receipt(entry: drop.entry, drop: drop.record)
                if let readyPath = complete(drop.record, receipt: receipt) {
                    completed.append((drop.record.id, readyPath))
                }
            }
        }
        guard !completed.isEmpty else { return }
        try staging.sync()
        _ = try store.commit([.released(completed, at: clock())], now: clock())
        logger.notice(
            "recovery: completed \(completed.count) uploads that were accepted before the last stop")
    }

    /// Releases an upload whose entry was just committed. A failure is not the sender's: the drop stays pending
    /// and is completed at the next start. Returns whether it lies in `ready/` now.
    @discardableResult
    func release(_ record: DropRecord, receipt: Receipt) -> Bool {
        guard let readyPath = complete(record, receipt: receipt) else { return false }
        stager.finish(upload: record.id, readyPath: readyPath)
        return true
    }

    /// Moves a committed upload into `ready/` unless that was done before. Returns where it lies, or nil when
    /// it could not be moved (logged, health).
    private func complete(_ record: DropRecord, receipt: Receipt) -> String? {
        guard let incoming = record.incoming else { return nil }
        var readyPath = record.readyPath
        let now = clock().description
        for attempt in 1... {
            do {
                try staging.release(incoming: incoming, readyPath: readyPath, receipt: receipt, now: now)
                return readyPath
            } catch let error as StagingError where error.code == .exists && attempt < 100 {
                // Somebody put a file there in the meantime: the next version.
                readyPath = "\(record.readyPath)~\(attempt + 1)"
            } catch let error as StagingError where error.code == .notFound {
                // It was moved before the crash, and perhaps consumed since.
                return (try? ensureReceipt(receipt, readyPath: readyPath, now: now)) == nil ? nil : readyPath
            } catch {
                health.set(problem: "release", message: "drop \(record.id): \(error)")
                logger.error(
                    "drop \(record.id) is accepted but could not be released; it will be at the next start: \(error)"
                )
                return nil
            }
        }
        return nil
    }

    private func ensureReceipt(_ receipt: Receipt, readyPath: String, now: String) throws {
        if try staging.receipt(receipt.drop) == nil {
            try staging.install(receipt, file: "ready/" + readyPath, now: now)
        }
    }
}
