// Where an account's box comes from: directories and partial uploads from `incoming/`, accepted drops from the
// ledger, and what waits from `ready/` itself, because a consumer takes files without a word.
package import Admission
import Ledger
import Staging
import Synchronization

extension Intake {
    /// A session of an account begins. Throws a `StagingError` where the account has no directories to write to, and the health says so;
    /// and what the ledger throws.
    /// - Parameters:
    ///   - withdrawal: why it may change nothing any more; nil: it may. It is asked often.
    ///   - isHeard: whether an answer would reach it.
    package func beginSession(
        of account: String,
        withdrawal: @escaping @Sendable () -> (reason: Reason, message: String)? = { nil },
        isHeard: @escaping @Sendable () -> Bool = { true }
    ) throws -> SenderSession {
        let box = try box(of: account)
        do {
            try lookAtIncoming(of: account)
        } catch {
            if let error = error as? StagingError { hasNoPlace(account, error) }
            throw error
        }
        mayHavePlace(account)
        return SenderSession(
            id: sessions.wrappingAdd(1, ordering: .relaxed).newValue, box: box, withdrawal: withdrawal,
            isHeard: isHeard)
    }

    /// The box of an account. Where staging has no place for one, the health says so.
    func box(of account: String) throws -> SenderBox {
        do {
            return try boxes.box(of: account) { try load(account) }
        } catch {
            if let error = error as? StagingError { hasNoPlace(account, error) }
            throw error
        }
    }

    private func load(_ account: String) throws -> SenderBox {
        try checkDirectory(of: account)
        let files = try PartialStore(incoming: staging.uploads(of: account).path)
        try recoverClaims(of: account, files)
        var state = SenderBox.State()
        for folder in try files.directories() {
            state.tree.insert(folder: folder.path, modified: folder.modified)
        }
        for found in try files.summaries() {
            let partial = try unsealed(found, files)
            if let path = partial.path.flatMap(DropPath.init), var item = SenderItem(partial) {
                item.isSuperseded = isMarked(item, files)
                state.tree.insert(item, at: path)
            }
        }
        try loadSettling(account, &state)
        try loadWaiting(account, &state)
        // The clock may have been ahead when these got their ids: those of newer uploads are higher all the same.
        if let newest = state.tree.drops.compactMap(DropID.milliseconds).max() {
            lastDrop.withLock { $0 = max($0, newest) }
        }
        let box = SenderBox(account: account, files: files, state: state)
        box.state.withLock { supersedeInterrupted(in: &$0, box) }
        return box
    }

    /// A partial that was handed over and is not in the ledger waits again: a session or the gate died in between.
    func unsealed(_ partial: PartialStore.Summary, _ files: PartialStore) throws -> PartialStore.Summary {
        guard partial.standing == .sealed, !partial.isLive, try store.drop(id: partial.drop) == nil else {
            return partial
        }
        try files.unseal(partial.drop)
        return try files.summary(partial.drop) ?? partial
    }

    private func loadSettling(_ account: String, _ state: inout SenderBox.State) throws {
        var after: Int64 = -1
        while case let pending = try store.pendingUploads(after: after, limit: 256), let last = pending.last {
            after = last.record.seq
            for drop in pending
            where drop.record.readyPath.hasPrefix(Self.readyRoot(account)) && !drop.record.isHeld {
                guard let path = DropPath(name(drop.record, account)) else { continue }
                let receipt = try Receipt(AcceptedEntry(drop.entry), drop: drop.record)
                // It may be its consumer's already: who takes it back looks into `ready/`.
                let place = try unmarkedPlace(drop.record, receipt)
                if place == nil {
                    state.settling[drop.record.id] = SenderBox.Settling(record: drop.record, receipt: receipt)
                }
                state.tree.insert(
                    SenderItem(
                        drop: drop.record.id, bytes: receipt.bytes,
                        modified: Self.seconds(drop.record, receipt),
                        standing: place.map { .waiting(readyPath: $0) } ?? .settling),
                    at: path)
            }
        }
    }

    private func loadWaiting(_ account: String, _ state: inout SenderBox.State) throws {
        for drop in try store.newestUploads(
            readyPaths: staging.ready.released(below: Self.readyRoot(account)))
        where drop.record.state == .released {
            guard let path = DropPath(name(drop.record, account)),
                let receipt = try waitingReceipt(drop.record, drop.entry)
            else { continue }
            state.tree.insert(
                SenderItem(
                    drop: drop.record.id, bytes: receipt.bytes, modified: Self.seconds(drop.record, receipt),
                    standing: .waiting(readyPath: drop.record.readyPath)), at: path)
        }
    }

    /// What waits in `ready/`. Of what has waited for so long that its entry was sealed, the receipt tells the same; to read it takes
    /// less than to look into a file of sealed entries. nil: neither tells, because the entry's time is over.
    private func waitingReceipt(_ record: DropRecord, _ entry: [UInt8]?) throws -> Receipt? {
        if entry == nil, let receipt = try? staging.ready.receipt(record.id, at: record.readyPath) {
            return receipt
        }
        guard let entry = try entry ?? store.entry(seq: record.seq) else { return nil }
        return try Receipt(AcceptedEntry(entry), drop: record)
    }

    /// What lies below it belongs to the account.
    static func readyRoot(_ account: String) -> String { StagingLayout.readyRoot(of: account) }

    /// The name that the sender knows a drop by. Ledgers before format 3 know the one under `ready/` only.
    func name(_ record: DropRecord, _ account: String) -> String {
        record.name ?? String(record.readyPath.dropFirst(Self.readyRoot(account).count))
    }

    static func seconds(_ record: DropRecord, _ receipt: Receipt) -> Int64 {
        let sent = receipt.modified.flatMap(Instant.init(rfc3339:))
        return (sent ?? record.received).microseconds / 1_000_000
    }
}

extension SenderItem {
    /// A partial upload as it lies there; nil for one that nobody can go on with, which is left to retention.
    init?(_ partial: PartialStore.Summary) {
        let bytes: Int64
        let standing: Standing
        switch partial.standing {
        case .whole(let length): (bytes, standing) = (length, .partial(isWhole: true))
        case .resumable(let length): (bytes, standing) = (length, .partial(isWhole: false))
        case .undecidable, .sealed:
            guard partial.isLive else { return nil }
            (bytes, standing) = (partial.bytes, .writing(session: 0))
        }
        self.init(
            drop: partial.drop, bytes: bytes, modified: partial.modified ?? partial.lastWrite,
            standing: partial.isLive ? .writing(session: 0) : standing)
    }
}
