// Group commit: every caller gets its own outcome, in order, and only after the commit.
import Admission
import Foundation
import Support
import Synchronization
import Testing

@testable import Ledger

@Suite(.timeLimit(.minutes(1))) struct LedgerWriterTests {
    private let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)

    @Test func concurrentAppendsAllGetTheirOwnSeq() async throws {
        let directory = try TemporaryDirectory("writer")
        let store = try LedgerHandle(file: directory.file("l")).open(node: "t")
        let writer = LedgerWriter(store: store, clock: { Instant.now() })
        let seqs = try await withThrowingTaskGroup(of: Int64.self) { group in
            for _ in 0..<2000 { group.addTask { try await writer.append(rejection).seq } }
            return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
        }
        #expect(seqs == Set(0..<2000))
        let reader = try LedgerHandle(file: directory.file("l")).reader()
        #expect(try reader.lastSeq() == 1999)
    }

    @Test func aFailedCommitIsToldToEveryCallerAndLaterOnesGoOn() async throws {
        let store = FailingStore()
        let writer = LedgerWriter(store: store, clock: { Instant(microseconds: 1) })
        store.fails.store(true, ordering: .relaxed)
        await #expect(throws: LedgerError.self) { try await writer.append(rejection) }
        store.fails.store(false, ordering: .relaxed)
        #expect(try await writer.append(rejection).seq == 0)
    }

    @Test func whatFindsNoRoomIsRefusedAsBusyAndTheRestIsWritten() async throws {
        let store = FailingStore()
        var bounds = LedgerWriter.Bounds()
        bounds.operations = 10
        let writer = LedgerWriter(store: store, bounds: bounds, clock: { Instant(microseconds: 1) })
        let outcomes = Mutex<[Result<LedgerOutcome, any Error>]>([])
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        func submit() {
            writer.submit(.append(rejection, drop: nil)) { outcome in
                outcomes.withLock { $0.append(outcome) }
                end.yield()
            }
        }
        let held = store.hold()
        submit()
        await store.isHeld()
        for _ in 0..<13 { submit() }
        // What is the gate's own is taken all the same.
        writer.submit(.released([], at: Instant(microseconds: 1))) { _ in end.yield() }
        held.release()
        var iterator = ended.makeAsyncIterator()
        for _ in 0..<15 { await iterator.next() }
        let busy = outcomes.withLock { $0.filter { Self.code($0) == .busy }.count }
        #expect(busy == 3 && outcomes.withLock { $0.count } == 14)
        #expect(try store.size() == 12)
        #expect(try await writer.append(rejection).seq == 12, "there is room again")
    }

    @Test func bodiesMayWaitUpToTheirBytesAndALargeOneAlone() async throws {
        let store = FailingStore()
        var bounds = LedgerWriter.Bounds()
        bounds.bytes = 100
        let writer = LedgerWriter(store: store, bounds: bounds, clock: { Instant(microseconds: 1) })
        func drop(_ count: Int) -> DropRegistration {
            DropRegistration(
                id: "x", content: .body([UInt8](repeating: 0, count: count)), repeatKey: [], eventKey: nil,
                keepsRepeats: true, readyPath: { _ in "x" })
        }
        let codes = Mutex<[LedgerError.Code?]>([])
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        let held = store.hold()
        writer.submit(.append(rejection, drop: nil)) { _ in end.yield() }
        await store.isHeld()
        for size in [150, 1] {
            writer.submit(.append(rejection, drop: drop(size))) { outcome in
                codes.withLock { $0.append(Self.code(outcome)) }
                end.yield()
            }
        }
        var iterator = ended.makeAsyncIterator()
        await iterator.next()
        #expect(codes.withLock { $0 } == [.busy], "the small one behind the large one")
        held.release()
        for _ in 0..<2 { await iterator.next() }
        #expect(codes.withLock { $0 } == [.busy, nil])
    }

    /// The writer tells callers itself where nothing waits, but not before those of an earlier batch have been told elsewhere.
    @Test func callersOfALaterBatchAreToldAfterThoseOfAnEarlierOne() async throws {
        let store = FailingStore()
        let (commits, commit) = AsyncStream.makeStream(of: Void.self)
        let writer = LedgerWriter(
            store: store, clock: { Instant(microseconds: 1) }, ended: { _ in commit.yield() })
        let (told, tell) = AsyncStream.makeStream(of: String.self)
        let slow = DispatchSemaphore(value: 0)
        let held = store.hold()
        writer.submit(.append(rejection, drop: nil)) { _ in
            tell.yield("first begins")
            slow.wait()
            tell.yield("first")
        }
        await store.isHeld()
        // It waits, so that those of the first are told on another thread.
        writer.submit(.append(rejection, drop: nil)) { _ in tell.yield("second") }
        held.release()
        var committed = commits.makeAsyncIterator()
        for _ in 0..<2 { await committed.next() }
        // Commits go on while callers are told.
        writer.submit(.append(rejection, drop: nil)) { _ in tell.yield("third") }
        await committed.next()
        slow.signal()
        var order: [String] = []
        for await one in told {
            order.append(one)
            if order.count == 4 { break }
        }
        #expect(order == ["first begins", "first", "second", "third"])
    }

    @Test func aThreadThatMayBlockWritesItself() throws {
        let writer = LedgerWriter(store: FailingStore(), clock: { Instant(microseconds: 1) })
        for seq in Int64(0)..<3 {
            let told = Mutex<(seq: Int64, isHere: Bool)?>(nil)
            let caller = pthread_self()
            writer.submitHere(.append(rejection, drop: nil)) { outcome in
                let entry = try? LedgerWriter.appended(outcome.get())
                told.withLock { $0 = (entry?.seq ?? -1, pthread_equal(pthread_self(), caller) != 0) }
            }
            // It is done when the call returns, by the thread that called.
            #expect(told.withLock { $0?.seq == seq && $0?.isHere == true })
        }
    }

    @Test func aThreadThatMayBlockWritesForNobodyElseAndWaitsForNobody() async throws {
        let store = FailingStore()
        let writer = LedgerWriter(store: store, clock: { Instant(microseconds: 1) })
        let (told, tell) = AsyncStream.makeStream(of: String.self)
        var order = told.makeAsyncIterator()
        let held = store.hold()
        writer.submit(.append(rejection, drop: nil)) { _ in tell.yield("another's") }
        await store.isHeld()
        // Returns, although the commit before it is not done.
        writer.submitHere(.append(rejection, drop: nil)) { _ in tell.yield("its own, behind it") }
        held.release()
        #expect(await order.next() == "another's")
        #expect(await order.next() == "its own, behind it")

        let heldAgain = store.hold()
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        Thread { [rejection] in
            writer.submitHere(.append(rejection, drop: nil)) { _ in tell.yield("its own") }
            end.yield()
        }.start()
        await store.isHeld()
        let heldBehind = store.hold()
        writer.submit(.append(rejection, drop: nil)) { _ in tell.yield("what came meanwhile") }
        heldAgain.release()
        #expect(await order.next() == "its own")
        await store.isHeld()
        // The other's commit is held, by another thread: the caller has returned.
        for await _ in ends { break }
        heldBehind.release()
        #expect(await order.next() == "what came meanwhile")
    }

    @Test func aFailedCommitOfAThreadThatMayBlockIsToldToIt() async throws {
        let store = FailingStore()
        let writer = LedgerWriter(store: store, clock: { Instant(microseconds: 1) })
        store.fails.store(true, ordering: .relaxed)
        await #expect(throws: LedgerError.self) {
            try await writer.commitHere(.append(rejection, drop: nil))
        }
        store.fails.store(false, ordering: .relaxed)
        #expect(try await LedgerWriter.appended(writer.commitHere(.append(rejection, drop: nil))).seq == 0)
    }

    private static func code(_ outcome: Result<LedgerOutcome, any Error>) -> LedgerError.Code? {
        guard case .failure(let error) = outcome else { return nil }
        return (error as? LedgerError)?.code
    }

    @Test func theOpenConnectionIsSynchronousFull() throws {
        let directory = try TemporaryDirectory("full")
        let store = try SQLiteLedgerStore(LedgerPaths(directory.file("l")), node: "t")
        #expect(try store.synchronousLevel() == 2)
        _ = try store.commit([.append(rejection, drop: nil)], now: Instant(microseconds: 1))
        #expect(try store.synchronousLevel() == 2)
    }

    @Test func aSecondWriterIsRefused() throws {
        let directory = try TemporaryDirectory("locked")
        let store = try LedgerHandle(file: directory.file("l")).open(node: "t")
        #expect(throws: LedgerError.self) { try LedgerHandle(file: directory.file("l")).open(node: "t") }
        _ = store
    }

    @Test func whetherSomebodyWritesALedgerIsToldWithoutMakingAFile() throws {
        let directory = try TemporaryDirectory("writer")
        let ledger = LedgerHandle(file: directory.file("l"))
        try ledger.requireNoWriter()
        #expect(directory.files(under: "").isEmpty)
        do {
            let store = try ledger.open(node: "t")
            let error = #expect(throws: LedgerError.self) { try ledger.requireNoWriter() }
            #expect(error?.code == .locked)
            _ = try store.size()
        }
        try ledger.requireNoWriter()
        _ = try ledger.open(node: "t")
    }

    @Test func aLedgerOfANewerFormatIsRefusedInWords() throws {
        let directory = try TemporaryDirectory("newer")
        _ = try LedgerHandle(file: directory.file("l")).open(node: "t")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/sqlite3")
        process.arguments = [directory.file("l"), "PRAGMA user_version = 99"]
        try process.run()
        process.waitUntilExit()
        let error = #expect(throws: LedgerError.self) {
            try LedgerHandle(file: directory.file("l")).open(node: "t")
        }
        #expect(error?.description.contains("99") == true)
    }

    @Test func ledgerFilesAreForTheirOwnerOnly() throws {
        let directory = try TemporaryDirectory("modes")
        let store = try LedgerHandle(file: directory.file("l")).open(node: "t")
        _ = try store.commit([.append(rejection, drop: nil)], now: Instant(microseconds: 1))
        for name in ["l", "l-wal", "l-shm", "l.lock", "l.open"] {
            let mode =
                try FileManager.default.attributesOfItem(atPath: directory.file(name))[.posixPermissions]
                as? Int
            #expect(mode == 0o600, "\(name)")
        }
        _ = store
    }
}

private final class FailingStore: LedgerStore {
    let fails = Atomic(false)
    private let next = Atomic<Int64>(0)
    private let gate = Mutex<Hold?>(nil)
    private let arrived = AsyncStream.makeStream(of: Void.self)

    /// The next commit waits until it is released.
    final class Hold: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)
        func wait() { semaphore.wait() }
        func release() { semaphore.signal() }
    }

    func hold() -> Hold {
        let hold = Hold()
        gate.withLock { $0 = hold }
        return hold
    }

    /// Returns when a commit waits.
    func isHeld() async {
        for await _ in arrived.stream { return }
    }

    func commit(_ operations: [LedgerOperation], now: Instant) throws -> [LedgerOutcome] {
        let hold = gate.withLock { hold in
            defer { hold = nil }
            return hold
        }
        if let hold {
            arrived.continuation.yield()
            hold.wait()
        }
        if fails.load(ordering: .relaxed) { throw LedgerError(.unwritable, "disk full") }
        return operations.map { _ in
            .appended(AppendedEntry(seq: next.wrappingAdd(1, ordering: .relaxed).oldValue, time: now))
        }
    }

    func close() {}
    func requireInPlace() {}
    var hasLock: Bool { true }
    func pendingUploadPaths() throws -> [String] { [] }
    func size() throws -> Int64 { next.load(ordering: .relaxed) }
    func lastTime() throws -> Instant? { nil }
    func root(size: Int64) throws -> MerkleHash { .empty }
    func pendingEvents() throws -> Int { 0 }
    func body(seq: Int64) throws -> [UInt8]? { nil }

    func pendingDrops(after seq: Int64, limit: Int) throws -> [PendingDrop] { [] }
    func pendingUploads(after seq: Int64, limit: Int) throws -> [PendingDrop] { [] }
    func drops(in state: DropState, after seq: Int64, limit: Int) throws -> [DropRecord] { [] }
    func drops(
        _ end: DropEnd, before instant: Instant, after drop: DropRecord?, limit: Int
    ) throws -> [DropRecord] { [] }
    func newestDrops(in state: DropState, limit: Int) throws -> [DropRecord] { [] }
    func drop(id: String) throws -> DropRecord? { nil }
    func newestUpload(readyPath: String) throws -> DropRecord? { nil }
    func newestUploads(readyPaths: [String]) throws -> [(record: DropRecord, entry: [UInt8]?)] { [] }
    func entry(seq: Int64) throws -> [UInt8]? { nil }
    func withdrawnDrops() throws -> [(record: DropRecord, entry: [UInt8])] { [] }
}
