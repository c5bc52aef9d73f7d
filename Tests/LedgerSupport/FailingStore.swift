// A ledger store whose disk fails and recovers when told: reading works, committing throws meanwhile.
package import Admission
package import Ledger
import Synchronization

/// The switch of a failing disk.
package final class FailingDisk: Sendable {
    private let state = Mutex<(any Error)?>(nil)
    private let marks = Mutex(Int.max)

    package struct Failure: Error {}

    package init() {}

    package var fails: Bool {
        get { state.withLock { $0 != nil } }
        set { state.withLock { $0 = newValue ? Failure() : nil } }
    }

    /// How many more commits may mark drops as released before such commits fail.
    package var marksLeft: Int {
        get { marks.withLock(\.self) }
        set { marks.withLock { $0 = newValue } }
    }

    private let commits = Mutex(Int.max)

    /// How many more commits succeed.
    package var commitsLeft: Int {
        get { commits.withLock(\.self) }
        set { commits.withLock { $0 = newValue } }
    }

    fileprivate func commit() throws {
        try commits.withLock { left in
            guard left > 0 else { throw Failure() }
            left -= 1
        }
    }

    private let told = Mutex<(beforePage: (@Sendable () -> Void)?, afterMark: (@Sendable () -> Void)?)>(
        (nil, nil))

    /// Called before a page of pending drops is read.
    package var beforePage: (@Sendable () -> Void)? {
        get { told.withLock(\.beforePage) }
        set { told.withLock { $0.beforePage = newValue } }
    }

    /// Called after each commit that has marked drops as released.
    package var afterMark: (@Sendable () -> Void)? {
        get { told.withLock(\.afterMark) }
        set { told.withLock { $0.afterMark = newValue } }
    }

    fileprivate func mark() throws {
        try marks.withLock { left in
            guard left > 0 else { throw Failure() }
            left -= 1
        }
    }

    /// What a commit throws; nil while it works.
    package var error: (any Error)? {
        get { state.withLock(\.self) }
        set { state.withLock { $0 = newValue } }
    }
}

package final class FailingStore: LedgerStore {
    private let store: any LedgerStore
    private let disk: FailingDisk
    private let mostPending: Int

    /// - Parameter mostPending: drops of a page of `pendingDrops`.
    package init(_ store: any LedgerStore, disk: FailingDisk, mostPending: Int = .max) {
        self.store = store
        self.disk = disk
        self.mostPending = mostPending
    }

    package func commit(_ operations: [LedgerOperation], now: Instant) throws -> [LedgerOutcome] {
        if let error = disk.error { throw error }
        try disk.commit()
        let marks = operations.contains { if case .released = $0 { true } else { false } }
        if marks { try disk.mark() }
        let outcomes = try store.commit(operations, now: now)
        if marks { disk.afterMark?() }
        return outcomes
    }

    package func close() { store.close() }
    package func requireInPlace() throws { try store.requireInPlace() }
    package var hasLock: Bool { store.hasLock }
    package func pendingUploadPaths() throws -> [String] { try store.pendingUploadPaths() }

    package func size() throws -> Int64 { try store.size() }
    package func lastTime() throws -> Instant? { try store.lastTime() }
    package func root(size: Int64) throws -> MerkleHash { try store.root(size: size) }

    package func pendingEvents() throws -> Int { try store.pendingEvents() }

    package func body(seq: Int64) throws -> [UInt8]? { try store.body(seq: seq) }

    package func pendingDrops(after seq: Int64, limit: Int) throws -> [PendingDrop] {
        disk.beforePage?()
        return try store.pendingDrops(after: seq, limit: min(limit, mostPending))
    }

    package func pendingUploads(after seq: Int64, limit: Int) throws -> [PendingDrop] {
        try store.pendingUploads(after: seq, limit: min(limit, mostPending))
    }

    package func drops(in state: DropState, after seq: Int64, limit: Int) throws -> [DropRecord] {
        try store.drops(in: state, after: seq, limit: limit)
    }

    package func drops(
        _ end: DropEnd, before instant: Instant, after drop: DropRecord?, limit: Int
    ) throws -> [DropRecord] {
        try store.drops(end, before: instant, after: drop, limit: limit)
    }

    package func newestDrops(in state: DropState, limit: Int) throws -> [DropRecord] {
        try store.newestDrops(in: state, limit: limit)
    }

    package func drop(id: String) throws -> DropRecord? { try store.drop(id: id) }
    package func newestUpload(readyPath: String) throws -> DropRecord? {
        try store.newestUpload(readyPath: readyPath)
    }

    package func newestUploads(readyPaths: [String]) throws -> [(record: DropRecord, entry: [UInt8]?)] {
        try store.newestUploads(readyPaths: readyPaths)
    }

    package func entry(seq: Int64) throws -> [UInt8]? { try store.entry(seq: seq) }

    package func withdrawnDrops() throws -> [(record: DropRecord, entry: [UInt8])] {
        try store.withdrawnDrops()
    }
}
