// Completes what was accepted: drops whose entry is committed and whose file is not yet released, and what a sender
// had renamed or withdrawn. The same steps after a crash and in the gate's ordinary course.
import Admission
import Ledger
import Logging
import Staging
import Synchronization
import TLS

/// What became of an accepted file.
enum ReleaseOutcome: Sendable {
    /// It lies, or lay until its consumer took it, at this path under `ready/`.
    case released(String)
    /// Its bytes are nowhere.
    case gone
    /// It could not be moved now (logged, health); it is tried again.
    case failed
}

extension Intake {
    /// At start, before any receiver.
    func recover() throws {
        try staging.removeNewReceipts()
        try staging.ready.recover()
        try recoverClaims()
        var done: [LedgerOperation] = []
        for drop in try store.withdrawnDrops() {
            let receipt = try Receipt(AcceptedEntry(drop.entry), drop: drop.record)
            let incoming = drop.record.incoming ?? ""
            let account = StagingLayout.quarantineAccount(receipt.account)
            let reason = reason(ofWithdrawn: drop.record, receipt)
            if moveAway(drop.record, incoming: incoming, of: account, receipt, reason) {
                done.append(.quarantined(id: drop.record.id))
            }
        }
        try staging.removeEmptyQuarantine()
        for drop in try staging.dismissedEvents() { remove(held: drop) }
        try recoverPending(after: done)
    }

    /// - Parameter done: what is written before: all of it in one commit, since nobody else writes yet.
    private func recoverPending(after done: [LedgerOperation]) throws {
        var after: Int64 = -1
        var done = done
        var completed: [(id: String, readyPath: String)] = []
        while case let pending = try store.pendingUploads(after: after, limit: 256), let last = pending.last {
            after = last.record.seq
            var ready: [SenderBox.Settling] = []
            for drop in pending {
                guard !drop.record.isHeld else {
                    // A pull finds out whether it may be released.
                    staging.ready.reserve(exactly: drop.record.readyPath)
                    continue
                }
                let receipt = try Receipt(AcceptedEntry(drop.entry), drop: drop.record)
                if let due = drop.record.due, let account = receipt.account,
                    case let isTemporary = configuration.temporaryNames.match(name(drop.record, account)),
                    due > now || isTemporary
                {
                    staging.ready.reserve(exactly: drop.record.readyPath)
                    // The clock may have been set back.
                    settler.schedule(
                        drop.record.id, of: account, at: min(due, now + mostTime(isTemporary)))
                    continue
                }
                ready.append(SenderBox.Settling(record: drop.record, receipt: receipt))
            }
            let unwritten = writeFiles(of: ready)
            for drop in ready {
                let (record, receipt) = (drop.record, drop.receipt)
                switch unwritten[record.id].map({ failed(record, $0) }) ?? complete(record, receipt: receipt)
                {
                case .released(let readyPath): completed.append((record.id, readyPath))
                case .gone:
                    done.append(
                        .change(lost(record, receipt), DropChange(id: record.id, from: .pending, kind: .lost))
                    )
                case .failed:
                    staging.ready.reserve(exactly: record.readyPath)
                    guard !isPulled(record) else {
                        retries.failed(record.id)
                        continue
                    }
                    guard let account = receipt.account else { continue }
                    settler.schedule(record.id, of: account, at: now + Settler.retry)
                }
            }
        }
        guard !completed.isEmpty || !done.isEmpty else { return }
        try staging.ready.sync()
        _ = try store.commit([.released(completed, at: clock())] + done, now: clock())
        guard !completed.isEmpty else { return }
        let uploads = Counted.text(completed.count, "upload", "uploads")
        logger.notice(
            "recovery: completed \(uploads) that had been accepted before the last stop"
        )
    }

    /// Makes files of those that the ledger keeps. Returns which of them it could not, and why: they are tried again later.
    private func writeFiles(of drops: [SenderBox.Settling]) -> [String: any Error] {
        var failures: [String: any Error] = [:]
        let accounts = Dictionary(grouping: drops.filter(\.mustBeWritten)) { $0.receipt.account ?? "" }
        for (account, drops) in accounts {
            do {
                try checkDirectory(of: account)
                try writeFiles(of: drops, in: PartialStore(incoming: staging.uploads(of: account).path))
            } catch {
                for drop in drops { failures[drop.record.id] = error }
            }
        }
        return failures
    }

    /// A file was taken back for its sender and the change did not reach the ledger: it goes back. An account whose directories cannot be
    /// opened keeps no other one, and no gate, from its turn.
    private func recoverClaims() throws {
        for account in try staging.accounts() {
            // A file is no account's directory; doctor tells of it.
            guard try staging.uploads.status(account)?.isRegular == false else { continue }
            do {
                try recoverClaims(PartialStore(incoming: staging.uploads(of: account).path))
            } catch let error as StagingError {
                unrecovered.withLock { _ = $0.insert(account) }
                hasNoPlace(account, error)
            }
        }
    }

    /// Before anything else is done with an account's directories: at the start they may have been closed, or moved away, and since then
    /// a file may not have gone back to `ready/`. Nobody is at one of them, as nobody has the account's box.
    func recoverClaims(of account: String, _ files: PartialStore) throws {
        try recoverClaims(files)
        unrecovered.withLock { _ = $0.remove(account) }
    }

    private func recoverClaims(_ files: PartialStore) throws {
        for drop in try files.claimed.names() {
            guard DropID.isValid(drop), let record = try store.drop(id: drop),
                [.released, .taken, .acknowledged, .forgotten].contains(record.state)
            else { continue }
            do throws(StagingError) {
                try staging.ready.putBack(StagedFile(drop, in: files.claimed), to: record.readyPath)
                health.clear(problem: "release", of: drop)
            } catch {
                health.set(
                    problem: "release", of: drop,
                    message: "drop \(drop) could not be put back into ready/: \(error)")
                logger.error("drop \(drop) could not be put back into ready/: \(error)")
            }
        }
    }

    /// Moves a committed upload into `ready/` unless that was done before.
    func complete(_ record: DropRecord, receipt: Receipt) -> ReleaseOutcome {
        guard let incoming = record.incoming else { return .failed }
        let now = clock().description
        for version in 1... {
            // Beyond the first: somebody put a file there in the meantime.
            let readyPath = VersionName.path(record.readyPath, version: version)
            do {
                try staging.ready.release(
                    staging.file(incoming), readyPath: readyPath, receipt: receipt, now: now)
                staging.ready.cancelReservation(record.readyPath)
                health.clear(problem: "release", of: record.id)
                return .released(readyPath)
            } catch let error as StagingError where error.code == .exists && version < 100 {
                continue
            } catch let error as StagingError where error.code == .notFound {
                let outcome = moved(record, receipt, now: now)
                if case .released = outcome { health.clear(problem: "release", of: record.id) }
                return outcome
            } catch {
                return failed(record, error)
            }
        }
        return .failed
    }

    /// Tells that a drop cannot be released now.
    func failed(_ record: DropRecord, _ error: any Error) -> ReleaseOutcome {
        health.set(
            problem: "release", of: record.id,
            message: "drop \(record.id) is accepted and not in ready/: \(error)")
        logger.error("drop \(record.id) is accepted but could not be released; it is tried again: \(error)")
        return .failed
    }

    /// The file is not where it was accepted. It was released before a crash if its receipt says so, because the
    /// receipt comes first, or if its bytes lie in its place; a consumer may have taken it since.
    private func moved(_ record: DropRecord, _ receipt: Receipt, now: String) -> ReleaseOutcome {
        do {
            if try staging.ready.hasReceipt(record.id, at: record.readyPath) {
                guard let written = try? staging.ready.receipt(record.id, at: record.readyPath) else {
                    // A crash of the machine left its name and not its bytes.
                    try staging.ready.install(receipt, readyPath: record.readyPath, now: now)
                    return .released(record.readyPath)
                }
                if let place = Self.place(written, receipt) { return .released(place) }
            }
            if try holds(record.readyPath, receipt) {
                try staging.ready.install(receipt, readyPath: record.readyPath, now: now)
                return .released(record.readyPath)
            }
            if try store.body(seq: record.seq) != nil {
                return failed(record, StagingError(.notFound, "its file is gone, and is written again"))
            }
            // Throws where its directory is gone, too: that may have been moved, and comes back with the file in it; and it may be back
            // since the release failed.
            if let incoming = record.incoming {
                let file = try staging.file(incoming)
                if try file.directory.status(file.name) != nil {
                    throw StagingError(.notFound, "its file was away, and is back")
                }
            }
        } catch {
            health.set(
                problem: "release", of: record.id,
                message: "whether drop \(record.id) was released cannot be told now: \(error)")
            logger.error("drop \(record.id): whether it was released cannot be told now: \(error)")
            return .failed
        }
        health.set(problem: "lost", message: "the bytes of drop \(record.id) are gone from staging")
        logger.error("drop \(record.id) was accepted, and its bytes are gone from staging")
        return .gone
    }

    /// Where a pending drop was released to, which waits for its mark alone: what was accepted is gone from where it was, and its
    /// receipt lies where consumers look. One of them may have taken it since. nil: it is to be released.
    func unmarkedPlace(_ record: DropRecord, _ receipt: Receipt) throws -> String? {
        guard let incoming = record.incoming else { return nil }
        do throws(StagingError) {
            let file = try staging.file(incoming)
            if try file.directory.status(file.name) != nil { return nil }
        } catch {
            guard error.code == .notFound else { throw error }
        }
        let written = try? staging.ready.receipt(record.id, at: record.readyPath)
        return written.flatMap { Self.place($0, receipt) }
    }

    /// Where a drop lies, by the receipt that lies there; nil: that is of a name which it had before.
    private static func place(_ written: Receipt, _ receipt: Receipt) -> String? {
        written.name.utf8.elementsEqual(receipt.name.utf8)
            ? StagingLayout.readyPath(ofFile: written.file) : nil
    }

    func holds(_ readyPath: String, _ receipt: Receipt) throws -> Bool {
        guard try staging.ready.stillHolds(readyPath) else { return false }
        let file = try staging.ready.openReleased(readyPath)
        guard try file.size() == receipt.bytes else { return false }
        var hash = SHA256()
        try file.forEachPiece { hash.update(bufferPointer: $0) }
        return hash.finalize().hex == receipt.sha256
    }
}
