// What lies at a ledger's place, and what is made of it: no new ledger beside the traces of an old one, nothing written into a
// file that is something else, and no half-made ledger.
import Admission
import Foundation
import GRDB
import Ledger
import Support
import Synchronization
import Testing

@Suite struct LedgerPlaceTests {
    private let directory: TemporaryDirectory
    private let path: String

    init() throws {
        directory = try TemporaryDirectory("place")
        path = directory.file("ledger.sqlite")
    }

    private var handle: LedgerHandle { LedgerHandle(file: path) }

    /// Whether looking, opening, and reading all say the same, and leave the directory as it was.
    private func expectRefused(_ code: LedgerError.Code, _ words: String) throws {
        let before = try contents()
        for attempt in [
            { _ = try handle.isThere() }, { _ = try handle.open(node: "t") }, { _ = try handle.reader() },
        ] {
            let error = #expect(throws: LedgerError.self) { try attempt() }
            #expect(
                error?.code == code && error?.message.contains(words) == true, "\(String(describing: error))")
            #expect(error?.message.contains(path) == true && error?.fix?.isEmpty == false)
        }
        #expect(try contents() == before)
    }

    private func contents() throws -> [String: Data] {
        Dictionary(
            uniqueKeysWithValues: try directory.files(under: "").filter {
                ![".lock", ".open"].contains($0.suffix(5))
            }.map {
                ($0, try Data(contentsOf: URL(fileURLWithPath: directory.file($0))))
            })
    }

    private func append() throws {
        let attempt = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        _ = try handle.open(node: "t").commit([.append(attempt, drop: nil)], now: .now())
    }

    @Test func whereNothingIsALedgerIsMadeWhole() throws {
        #expect(try !handle.isThere())
        try append()
        #expect(try handle.isThere() && handle.reader().size() == 1)
        #expect(directory.files(under: "").allSatisfy { !$0.contains(".new") })
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    private static let parts = ["ledger.sqlite.lock", "ledger.sqlite-wal", "ledger.sqlite-shm", "policies"]

    @Test(arguments: parts) func whatCannotBeOpenedIsToldBeforeTheLedgerIsOpened(part: String) throws {
        try append()
        try FileManager.default.createDirectory(
            atPath: directory.file("policies"), withIntermediateDirectories: false)
        for suffix in ["-wal", "-shm"] { try Data().write(to: URL(fileURLWithPath: path + suffix)) }
        try handle.requireWritable(byOwner: true)
        let (closed, isRoot) = (directory.file(part), geteuid() == 0)
        if isRoot {
            // Root may open everything: what is closed is told by whose the ledger is.
            for other in [path] + Self.parts.map(directory.file) where other != closed {
                try #require(chown(other, 4001, 4001) == 0)
            }
        } else {
            try #require(chmod(closed, 0) == 0)
        }
        // What nobody may list would stay behind the test.
        defer { chmod(closed, 0o700) }
        let error = #expect(throws: LedgerError.self) { try handle.requireWritable(byOwner: true) }
        let what = isRoot ? "\(closed) belongs to another user" : "its owner may not write \(closed)"
        #expect(
            error?.code == .unwritable
                && error?.message == "\(what), and the ledger cannot be written without it")
        #expect(
            error?.fix?.contains(
                isRoot
                    ? "chown \(part == "policies" ? "-R " : "")4001 \(closed)" : "chmod u+rwX \(closed)")
                == true)
    }

    @Test("A closed ledger is one file though its store is still held, and the store takes nothing any more")
    func closing() throws {
        let store = try handle.open(node: "t")
        let attempt = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        _ = try store.commit([.append(attempt, drop: nil)], now: .now())
        #expect(directory.files(under: "").contains("ledger.sqlite-wal"))
        store.close()
        store.close()
        #expect(
            Set(directory.files(under: "")) == ["ledger.sqlite", "ledger.sqlite.lock", "ledger.sqlite.open"])
        #expect(throws: LedgerError.self) { try store.commit([.append(attempt, drop: nil)], now: .now()) }
        #expect(throws: LedgerError.self) { try store.root(size: 1) }
        #expect(throws: LedgerError.self) { try store.pendingEvents() }
        #expect(try handle.reader().size() == 1)
    }

    @Test("Who is at a store while it is closed gets an answer or an error, and what was committed is there")
    func closingBesideOthers() throws {
        let attempt = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        for round in 0..<40 {
            let handle = LedgerHandle(file: directory.file("round-\(round)/ledger.sqlite"))
            try FileManager.default.createDirectory(
                atPath: directory.file("round-\(round)"), withIntermediateDirectories: true)
            let store = try handle.open(node: "t")
            let committed = Mutex(0)
            let bound = 10_000
            // Threads of their own: tasks have no more of them than the machine has processors, and none may wait for another.
            let running = DispatchGroup()
            @Sendable func thread(_ work: @escaping @Sendable () -> Void) {
                running.enter()
                Thread.detachNewThread {
                    work()
                    running.leave()
                }
            }
            thread {
                for count in 0..<bound {
                    if count == round % 5 { thread { store.close() } }
                    guard (try? store.commit([.append(attempt, drop: nil)], now: .now())) != nil else {
                        break
                    }
                    committed.withLock { $0 += 1 }
                }
            }
            thread {
                for _ in 0..<bound {
                    guard (try? store.root(size: 0)) != nil, (try? store.pendingEvents()) != nil else {
                        break
                    }
                }
            }
            running.wait()
            #expect(committed.withLock(\.self) < bound)
            #expect(try handle.reader().size() == committed.withLock(\.self))
        }
    }

    @Test func whatACrashLeftOfANewLedgerIsMadeAnew() throws {
        for suffix in ["", "-wal", "-shm"] {
            try Data("half".utf8).write(to: URL(fileURLWithPath: path + ".new" + suffix))
        }
        try append()
        #expect(try handle.reader().size() == 1)
        #expect(directory.files(under: "").allSatisfy { !$0.contains(".new") })
    }

    @Test(arguments: ["checkpoints/2026-11.notes", "segments/00000000.jsonl.gz", "ledger.sqlite-wal"])
    func aLedgerThatIsGoneWhileItsTracesStandIsNotBegunAnew(_ trace: String) throws {
        try append()
        for name in directory.files(under: "") {
            try FileManager.default.removeItem(atPath: directory.file(name))
        }
        let file = directory.file(trace)
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data("x".utf8).write(to: URL(fileURLWithPath: file))
        try expectRefused(.missing, "is gone: it was moved or removed")
    }

    @Test func aLedgerOfWhichAWitnessHasSeenMoreThanIsThereIsNotBegunAnew() throws {
        let seen = Checkpoint(
            origin: "t/dropgate", size: 7, root: MerkleHash.leaf([1]), previous: nil,
            time: Instant(microseconds: 5))
        let error = #expect(throws: LedgerError.self) {
            try handle.open(node: "t", extending: [(seen, "a witness")])
        }
        #expect(
            error?.code == .missing
                && error?.message.contains("a witness has a checkpoint of 7 entries") == true)
        #expect(directory.files(under: "").isEmpty, "nothing was made")
        try append()
        let smaller = #expect(throws: LedgerError.self) {
            try handle.open(node: "t", extending: [(seen, "a witness")])
        }
        #expect(smaller?.code == .rolledBack)
    }

    @Test func anEmptyDirectoryOfCheckpointsIsNoTrace() throws {
        try FileManager.default.createDirectory(
            atPath: directory.file("checkpoints"), withIntermediateDirectories: false)
        try append()
    }

    @Test(arguments: ["", "no database", String(repeating: "no database\n", count: 2000)])
    func aFileThatIsNoDatabaseIsLeftAlone(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try expectRefused(.foreign, text.isEmpty ? "is empty" : "is not an SQLite database")
    }

    @Test(arguments: [
        "CREATE TABLE patients (id INTEGER)", "CREATE TABLE entries (seq INTEGER); PRAGMA user_version = 3",
        "PRAGMA user_version = 7; CREATE TABLE moz_places (id INTEGER)",
    ])
    func anotherDatabaseIsLeftAlone(_ statements: String) throws {
        let database = try DatabaseQueue(path: path)
        try database.write { try $0.execute(sql: statements) }
        try database.close()
        try expectRefused(.foreign, "is another SQLite database")
    }

    @Test func aDirectoryInItsPlaceIsNoLedger() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try expectRefused(.foreign, "is not a regular file")
    }

    @Test func aLedgerOfAnEarlierFormatIsThere() throws {
        try append()
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = 2") }
        try database.close()
        #expect(try handle.isThere())
    }
}
