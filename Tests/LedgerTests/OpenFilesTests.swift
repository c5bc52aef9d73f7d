// A writer beside whom its files are moved, replaced or written by others: it writes nothing that would be lost or that two number.
import Admission
import Files
import Foundation
import GRDB
import Ledger
import Support
import Testing

@Suite struct OpenFilesTests {
    private let directory: TemporaryDirectory
    private let handle: LedgerHandle
    private let path: String
    private let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)

    init() throws {
        directory = try TemporaryDirectory("open")
        path = directory.file("ledger.sqlite")
        handle = LedgerHandle(file: path)
    }

    private func append(_ store: any LedgerStore) throws {
        _ = try store.commit([.append(rejection, drop: nil)], now: .now())
    }

    private func code(_ body: () throws -> Void) rethrows -> LedgerError.Code? {
        do { try body() } catch let error as LedgerError { return error.code }
        return nil
    }

    /// Appends once the lock is free: a process that another test has just forked holds a lock, too, until it runs its program.
    private func appendOnceFree(_ store: any LedgerStore) throws {
        let limit = ContinuousClock.now + .seconds(10)
        while true {
            do { return try append(store) } catch let error as LedgerError {
                guard error.code == .locked, ContinuousClock.now < limit else { throw error }
                sched_yield()
            }
        }
    }

    private func move(_ from: String, _ to: String) throws {
        try FileManager.default.moveItem(atPath: from, toPath: to)
    }

    @Test(arguments: ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"])
    func nothingIsWrittenToAFileThatWasMovedAwayUntilItIsBack(name: String) throws {
        let store = try handle.open(node: "t")
        try append(store)
        let (place, away) = (directory.file(name), directory.file("away"))
        try move(place, away)
        #expect(
            try code { try append(store) } == .unwritable
                && code { try store.requireInPlace() } == .unwritable)
        #expect(try code { _ = try store.commit([.touch], now: .now()) } == .unwritable)
        // Another one in its place is not it.
        try FileManager.default.copyItem(atPath: away, toPath: place)
        #expect(try code { try append(store) } == .unwritable)
        try FileManager.default.removeItem(atPath: place)
        try move(away, place)
        try store.requireInPlace()
        try append(store)
        #expect(try store.size() == 2)
    }

    @Test(arguments: ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"])
    func whoReadsBesideAWriterWhoseFileIsGoneIsToldThatAndMakesNone(name: String) throws {
        let store = try handle.open(node: "t")
        try append(store)
        let (place, away) = (directory.file(name), directory.file("away"))
        let advice = name == "ledger.sqlite" ? "do not stop the gate yet" : "stop the gate with SIGTERM"
        func expectRefusals() throws {
            for read in [
                { _ = try self.handle.reader() }, { _ = try self.handle.isThere() },
                { _ = try self.handle.verifier(trusted: []).verify() },
                { _ = try self.handle.backUp(into: self.directory.file("copy")) },
            ] as [() throws -> Void] {
                let error = #expect(throws: LedgerError.self) { try read() }
                #expect(error?.code == .unreadable && error?.mayPass == true, "\(error?.description ?? "")")
                #expect(error?.message.contains("\(place) is not the file that its writer has open") == true)
                #expect(error?.fix?.contains(advice) == true)
            }
        }
        try move(place, away)
        try expectRefusals()
        #expect(!FileManager.default.fileExists(atPath: place))
        // As another program makes it that opens the ledger then, and a copy of the very same.
        try Data().write(to: URL(filePath: place))
        try expectRefusals()
        try FileManager.default.removeItem(atPath: place)
        try FileManager.default.copyItem(atPath: away, toPath: place)
        try expectRefusals()
        try FileManager.default.removeItem(atPath: place)
        try move(away, place)
        #expect(try handle.reader().size() == 1)
    }

    /// Whoever wrote before it, and whoever removes its lock.
    @Test func whatAWriterHasOpenIsKnownBesideAFormerOneAndAfterItsLockWasRemoved() throws {
        var former: (any LedgerStore)? = try handle.open(node: "t")
        try append(try #require(former))
        former?.close()
        let store = try handle.open(node: "t")
        former = nil
        try append(store)
        let (place, away) = (directory.file("ledger.sqlite-wal"), directory.file("away"))
        for _ in 0..<2 {
            try move(place, away)
            try Data().write(to: URL(filePath: place))
            #expect(try code { _ = try self.handle.reader() } == .unreadable)
            try FileManager.default.removeItem(atPath: place)
            try move(away, place)
            try FileManager.default.removeItem(atPath: handle.lock)
            try append(store)
        }
        #expect(try handle.reader().size() == 4)
    }

    /// A note that was cut, or that another release wrote, says nothing.
    @Test(arguments: [
        "ledger.sqlite-wal 65024:1", "ledger.sqlite-wal 1\n", "ledger.sqlite-wal x:y\n", "\u{0}\n",
    ])
    func aNoteThatCannotBeReadIsNone(note: String) throws {
        let store = try handle.open(node: "t")
        try append(store)
        try Data(note.utf8).write(to: URL(filePath: path + ".open"))
        #expect(try handle.reader().size() == 1)
    }

    @Test func whoReadsWhileAWriterHasYetToOpenIsToldToWait() throws {
        do {
            let store = try handle.open(node: "t")
            try append(store)
        }
        let lock = open(handle.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(lock) }
        try #require(flock(lock, LOCK_EX | LOCK_NB) == 0)
        try Data().write(to: URL(filePath: path + ".open"))
        let error = #expect(throws: LedgerError.self) { try self.handle.reader() }
        #expect(error?.code == .locked && error?.message.contains("has not opened it yet") == true)
    }

    @Test func whatAWriterThatWasKilledHadOpenIsNothingToItsReaders() throws {
        do {
            let store = try handle.open(node: "t")
            try append(store)
        }
        try Data("ledger.sqlite 1:1\nledger.sqlite-wal 1:2\n".utf8).write(to: URL(filePath: path + ".open"))
        #expect(try handle.reader().size() == 1)
        let store = try handle.open(node: "t")
        try append(store)
        #expect(try handle.reader().size() == 2)
    }

    @Test func whatNobodyWritesIsReadWithoutALog() throws {
        var store: (any LedgerStore)? = try handle.open(node: "t")
        try append(try #require(store))
        store = nil
        #expect(!FileManager.default.fileExists(atPath: directory.file("ledger.sqlite-wal")))
        #expect(try handle.reader().size() == 1)
    }

    @Test func aLockThatWasRemovedIsTakenAgain() throws {
        let store = try handle.open(node: "t")
        try append(store)
        try FileManager.default.removeItem(atPath: handle.lock)
        try append(store)
        #expect(try code { _ = try handle.open(node: "other") } == .locked)
        #expect(try store.size() == 2)
    }

    @Test func afterAnotherProcessHasWrittenOnlyANewStartGoesOn() throws {
        var store: (any LedgerStore)? = try handle.open(node: "t")
        for _ in 0..<300 { try append(try #require(store)) }
        try FileManager.default.removeItem(atPath: handle.lock)
        do {
            let other = try handle.open(node: "other")
            #expect(try code { try append(try #require(store)) } == .locked)
            for _ in 0..<300 { try append(other) }
            #expect(try code { try append(try #require(store)) } == .locked)
            other.close()
        }
        for _ in 0..<2 {
            #expect(try code { try appendOnceFree(try #require(store)) } == .outrun)
            #expect(try code { try #require(store).requireInPlace() } == .outrun)
        }
        store?.close()
        store = nil
        let next = try handle.open(node: "t")
        for _ in 0..<300 { try append(next) }
        #expect(try next.size() == 900)
        let signer = try NoteSigner(name: "t/dropgate")
        _ = try next.commit([.checkpoint(signer)], now: .now())
        let result = try handle.verifier(trusted: [signer.verifier]).verify()
        #expect(result.faults.map(\.message) == [] && result.size == 900)
    }

    @Test func aLockThatNobodyUsedMeanwhileIsNoReasonToStop() throws {
        let store = try handle.open(node: "t")
        try append(store)
        try FileManager.default.removeItem(atPath: handle.lock)
        do {
            let other = try handle.open(node: "other")
            other.close()
        }
        try appendOnceFree(store)
        #expect(try store.size() == 2)
    }

    @Test func aRowThatNoGateHasWrittenKeepsALedgerFromBeingOpened() throws {
        do {
            let store = try handle.open(node: "t")
            try append(store)
            store.close()
        }
        try DatabaseQueue(path: path).write { db in
            try db.execute(
                sql:
                    "INSERT INTO entries SELECT 1, time + 1, kind, channel, verdict, reason, source, account, json FROM entries"
            )
        }
        #expect(try code { _ = try handle.open(node: "t") } == .forked)
    }

    @Test func whatAnotherProgramAppendsIsToldAndNotWrittenOver() throws {
        let store = try handle.open(node: "t")
        try append(store)
        try DatabaseQueue(path: path).write { db in
            try db.execute(
                sql:
                    "INSERT INTO entries SELECT 1, time + 1, kind, channel, verdict, reason, source, account, json FROM entries"
            )
        }
        for operation in [LedgerOperation.append(rejection, drop: nil), .touch] {
            do {
                _ = try store.commit([operation], now: .now())
                Issue.record("it was written")
            } catch {
                #expect("\(error)".contains("another program has changed it"), "\(error)")
            }
        }
    }
}
