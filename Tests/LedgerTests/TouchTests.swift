// Whether the ledger can be written is seen by writing: what a commit leaves in the file.
import Admission
import GRDB
import Ledger
import Support
import Synchronization
import Testing

@Suite struct TouchTests {
    private let path: String
    private let directory: TemporaryDirectory
    private let store: any LedgerStore
    private let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)

    init() throws {
        directory = try TemporaryDirectory("touch")
        path = directory.file("ledger.sqlite")
        store = try LedgerHandle(file: path).open(node: "t")
        _ = try store.commit([.append(rejection, drop: nil)], now: .now())
    }

    @Test func aTouchedLedgerIsWrittenAndStaysAsItIs() throws {
        let other = try DatabaseQueue(path: path)
        // It changes with each commit of another connection that has written something (SQLite's pragma.html#pragma_data_version).
        func version() throws -> Int? {
            try other.read { try Int.fetchOne($0, sql: "PRAGMA data_version") }
        }
        let before = try version()
        _ = try store.commit(
            [.released([], at: .now()), .acknowledge(id: "nobody", at: .now())], now: .now())
        #expect(try version() == before)
        guard case .changed(true) = try store.commit([.touch], now: .now())[0] else {
            return #expect(Bool(false), "nothing was written")
        }
        #expect(try version() != before && store.size() == 1)
        #expect(try LedgerHandle(file: path).reader().entries(LedgerQuery()).count == 1)
    }

    @Test func ofEachCommitItIsToldWhetherItHasWrittenSomething() async throws {
        let told = Mutex<[Bool]>([])
        let writer = LedgerWriter(
            store: store, clock: { Instant.now() },
            ended: { commit in
                guard case .success(let commit) = commit else { return }
                told.withLock { $0.append(commit.isWritten) }
            })
        try await writer.commit(.acknowledge(id: "nobody", at: .now()))
        try await writer.commit(.released([], at: .now()))
        try await writer.commit(.touch)
        _ = try await writer.append(rejection)
        try await writer.commit(.checkpoint(NoteSigner(name: "t/dropgate")))
        #expect(told.withLock(\.self) == [false, false, true, true, true])
    }
}
