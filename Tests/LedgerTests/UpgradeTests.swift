// Ledgers of earlier formats are brought up to date when they are opened: 1 had leaf hashes beside the entries and no
// tree, 2 had no drops that settle, 3 did not tell when the clock was behind, nor what consumers had taken, 4 had no index of
// the gate's own entries.
import Admission
import Foundation
import GRDB
import Ledger
import Support
import Testing

@Suite struct UpgradeTests {
    @Test func aLedgerOfTheFirstFormatGetsItsTree() throws {
        let directory = try TemporaryDirectory("upgrade")
        let path = directory.file("ledger.sqlite")
        let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        let operations = Array(repeating: LedgerOperation.append(rejection, drop: nil), count: 300)
        func append() throws -> MerkleHash {
            let store = try LedgerHandle(file: path).open(node: "t")
            _ = try store.commit(operations, now: Instant(microseconds: 1_795_421_730_000_000))
            return try store.root(size: 300)
        }
        let root = try append()
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            for table in ["tiles", "checkpoints", "witnessed", "segments"] {
                try db.execute(sql: "DROP TABLE \(table)")
            }
            try Self.forgetThird(db)
            try db.execute(sql: "DROP INDEX entries_source")
            try db.execute(sql: "CREATE INDEX entries_source ON entries(source) WHERE source IS NOT NULL")
            try db.execute(sql: "ALTER TABLE entries ADD COLUMN leaf BLOB NOT NULL DEFAULT x'00'")
            try db.execute(sql: "PRAGMA user_version = 1")
        }
        try database.close()
        #expect(throws: LedgerError.self, "a reader does not upgrade") {
            try LedgerHandle(file: path).reader()
        }
        #expect(try append() == root)
        let result = try LedgerHandle(file: path).verifier(trusted: []).verify()
        #expect(result.isGood && result.size == 600)
    }

    private static func forgetThird(_ db: Database) throws {
        try forgetFourth(db)
        for column in ["name", "due", "modified"] {
            try db.execute(sql: "ALTER TABLE drops DROP COLUMN \(column)")
        }
    }

    private static func forgetFourth(_ db: Database) throws {
        try db.execute(sql: "DROP INDEX entries_gate")
        try db.execute(sql: "DROP TABLE set_back")
        try db.execute(sql: "DROP INDEX drops_released")
        try db.execute(sql: "ALTER TABLE drops DROP COLUMN taken")
    }

    private static func makeThird(_ path: String) throws {
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            try forgetFourth(db)
            try db.execute(sql: "PRAGMA user_version = 3")
        }
        try database.close()
    }

    @Test func aLedgerOfTheThirdFormatTellsTheClockFromThenOn() throws {
        let directory = try TemporaryDirectory("upgrade")
        let path = directory.file("ledger.sqlite")
        let attempt = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        func append(at seconds: Int64) throws {
            _ = try LedgerHandle(file: path).open(node: "t").commit(
                [.append(attempt, drop: nil)], now: Instant(microseconds: seconds * 1_000_000))
        }
        try append(at: 100)
        try Self.makeThird(path)
        try append(at: 50)
        #expect(try LedgerHandle(file: path).reader().clockSetBacks().map(\.seqs) == [1...1])
        #expect(try LedgerHandle(file: path).verifier(trusted: []).verify().isGood)
    }

    @Test func aLedgerOfTheThirdFormatTellsTakenDrops() throws {
        let directory = try TemporaryDirectory("upgrade")
        let path = directory.file("ledger.sqlite")
        func open() throws -> any LedgerStore { try LedgerHandle(file: path).open(node: "t") }
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed)
        attempt.drop = DropFacts(id: "a", name: "", bytes: 1, sha256: "00")
        let drop = DropRegistration(
            id: "a", content: .incoming("incoming/a"), repeatKey: [1], eventKey: nil, keepsRepeats: true,
            readyPath: { _ in "sftp/acme/a" })
        _ = try open().commit(
            [.append(attempt, drop: drop), .released([("a", "sftp/acme/a")], at: Instant(microseconds: 6))],
            now: Instant(microseconds: 5))
        try Self.makeThird(path)
        let store = try open()
        #expect(
            try store.drops(in: .released, changedBefore: Instant(microseconds: 9), after: -1, limit: 9).map(
                \.id)
                == ["a"])
        _ = try store.commit(
            [.taken([("a", "sftp/acme/a")], at: Instant(microseconds: 7))], now: Instant(microseconds: 7))
        #expect(try store.drop(id: "a")?.taken == Instant(microseconds: 7))
    }

    @Test func aLedgerOfTheFourthFormatFindsTheGatesOwnEntries() throws {
        let directory = try TemporaryDirectory("upgrade")
        let path = directory.file("ledger.sqlite")
        let start = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
        let call = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        func append() throws {
            _ = try LedgerHandle(file: path).open(node: "t").commit(
                [start, call].map { .append($0, drop: nil) }, now: Instant(microseconds: 5))
        }
        try append()
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            try db.execute(sql: "DROP INDEX entries_gate")
            try db.execute(sql: "PRAGMA user_version = 4")
        }
        try database.close()
        try append()
        var query = LedgerQuery()
        query.kinds = [.service]
        #expect(try LedgerHandle(file: path).reader().entries(query).map(\.seq) == [0, 2])
    }

    @Test func aLedgerOfTheSecondFormatKeepsItsDrops() throws {
        let directory = try TemporaryDirectory("upgrade")
        let path = directory.file("ledger.sqlite")
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed)
        attempt.drop = DropFacts(id: "a", name: "", bytes: 1, sha256: "00")
        let drop = DropRegistration(
            id: "a", content: .incoming("incoming/a"), repeatKey: [1], eventKey: nil, keepsRepeats: true,
            readyPath: { _ in "sftp/acme/a" })
        _ = try LedgerHandle(file: path).open(node: "t").commit(
            [.append(attempt, drop: drop)], now: Instant(microseconds: 5))
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            try Self.forgetThird(db)
            try db.execute(sql: "PRAGMA user_version = 2")
        }
        try database.close()
        let record = try #require(try LedgerHandle(file: path).open(node: "t").drop(id: "a"))
        #expect(record.state == .pending && record.readyPath == "sftp/acme/a")
        #expect(record.name == nil && record.due == nil && record.modified == nil)
    }
}
