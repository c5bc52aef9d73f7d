// Ledgers of earlier formats are brought up to date when they are opened: 1 had leaf hashes beside the entries and no
// tree, 2 had no drops that settle, 3 did not tell when the clock was behind, nor what consumers had taken, 4 had no index of
// the gate's own entries and one over all ids and keys of drops.
import Admission
import Foundation
import GRDB
import Support
import Testing

@testable import Ledger

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
            try Self.forgetThird(db)
            try Self.forgetTree(db)
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

    private static func forgetTree(_ db: Database) throws {
        for table in ["tiles", "checkpoints", "witnessed", "segments"] {
            try db.execute(sql: "DROP TABLE \(table)")
        }
        try db.execute(sql: "DROP INDEX entries_source")
        try db.execute(sql: "CREATE INDEX entries_source ON entries(source) WHERE source IS NOT NULL")
        try db.execute(sql: "ALTER TABLE entries ADD COLUMN leaf BLOB NOT NULL DEFAULT x'00'")
    }

    private static func forgetThird(_ db: Database) throws {
        try forgetFourth(db)
        for column in ["name", "due", "modified"] {
            try db.execute(sql: "ALTER TABLE drops DROP COLUMN \(column)")
        }
    }

    private static func forgetFourth(_ db: Database) throws {
        try forgetFifth(db)
        try db.execute(sql: "DROP TABLE set_back")
        try db.execute(sql: "DROP INDEX drops_released")
        try db.execute(sql: "ALTER TABLE drops DROP COLUMN taken")
    }

    /// As format 4 had it.
    private static func forgetFifth(_ db: Database) throws {
        try db.execute(sql: "DROP INDEX entries_gate")
        for table in ["upgraded", "drop_keys", "drop_key_runs"] { try db.execute(sql: "DROP TABLE \(table)") }
        for index in ["upload", "unfinished", "released", "acknowledged", "taken"] {
            try db.execute(sql: "DROP INDEX drops_\(index)")
        }
        try db.execute(
            sql: """
                ALTER TABLE drops RENAME TO newer;
                CREATE TABLE drops (
                  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state INTEGER NOT NULL, repeat_key BLOB NOT NULL,
                  event_key BLOB, incoming TEXT, ready TEXT NOT NULL, received INTEGER NOT NULL, released INTEGER,
                  acknowledged INTEGER, name TEXT, due INTEGER, modified INTEGER, taken INTEGER
                );
                INSERT INTO drops SELECT * FROM newer;
                DROP TABLE newer;
                CREATE INDEX drops_repeat ON drops(repeat_key);
                CREATE INDEX drops_event ON drops(event_key) WHERE event_key IS NOT NULL;
                CREATE INDEX drops_upload ON drops(ready) WHERE incoming IS NOT NULL;
                CREATE INDEX drops_unfinished ON drops(state, seq) WHERE state <> 1;
                CREATE INDEX drops_released ON drops(seq) WHERE state = 1;
                """)
    }

    private static func make(_ format: Int, _ path: String) throws {
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            try format == 4 ? forgetFifth(db) : forgetFourth(db)
            try db.execute(sql: "PRAGMA user_version = \(format)")
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
        try Self.make(3, path)
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
        try Self.make(3, path)
        let store = try open()
        #expect(
            try store.drops(in: .released, after: -1, limit: 9).map(\.id) == ["a"])
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
        try Self.make(4, path)
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

    /// Webhooks with a key and the one that an earlier version would have given them.
    private struct Receiver {
        let store: any LedgerStore

        func receive(
            _ id: String, key: UInt8, former: UInt8?, within: Duration? = nil, at time: Int64 = 5
        ) throws -> AppendedEntry {
            var drop = DropRegistration(
                id: id, content: .body([1]), repeatKey: [key, 1], eventKey: [key], keepsRepeats: false,
                repeatsWithin: within, readyPath: { _ in "webhook/\(id)" })
            drop.formerKeys = former.map { ([$0, 1], [$0]) }
            let attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
            let outcomes = try store.commit(
                [.append(attempt, drop: drop)], now: Instant(microseconds: time * 1_000_000))
            guard case .appended(let entry)? = outcomes.first else {
                throw LedgerError(.unreadable, "no entry")
            }
            return entry
        }
    }

    @Test(arguments: [1, 2, 3, 4]) func repeatsOfWhatAnEarlierFormatAcceptedAreFound(format: Int) throws {
        let directory = try TemporaryDirectory("upgrade")
        let path = directory.file("ledger.sqlite")
        func open() throws -> Receiver { Receiver(store: try LedgerHandle(file: path).open(node: "t")) }
        do {
            let receiver = try open()
            for (id, key) in [("a", 1), ("c", 3)] as [(String, UInt8)] {
                _ = try receiver.receive(id, key: key, former: nil)
            }
            _ = try receiver.store.commit(
                [.released([("a", "webhook/a")], at: Instant(microseconds: 9))], now: Instant(microseconds: 9)
            )
        }
        try Self.makeAny(format, path)
        let receiver = try open()
        #expect(try receiver.store.drop(id: "a")?.state == .released)
        #expect(try receiver.store.drops(in: .pending, after: -1, limit: 9).map(\.id) == ["c"])
        #expect(try receiver.receive("e", key: 1, former: nil).repeats == "a")
        #expect(try receiver.receive("b", key: 2, former: 1).repeats == "a", "by the key that it had then")
        #expect(try receiver.receive("d", key: 4, former: 3).repeats == "c")
        #expect(try receiver.receive("a", key: 9, former: nil).drop == nil, "its id is known")
        #expect(try receiver.receive("f", key: 5, former: 3, within: .seconds(10), at: 14).repeats == "c")
        #expect(try receiver.receive("g", key: 5, former: 3, within: .seconds(10), at: 30).repeats == nil)
        #expect(try LedgerHandle(file: path).reader().drop(id: "c")?.seq == 1)
        #expect(try LedgerHandle(file: path).verifier(trusted: []).verify().isGood)
    }

    private static func makeAny(_ format: Int, _ path: String) throws {
        if format > 2 { return try make(format, path) }
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            try forgetThird(db)
            if format == 1 { try forgetTree(db) }
            try db.execute(sql: "PRAGMA user_version = \(format)")
        }
        try database.close()
    }

    @Test func aLedgerThatBeganWithThisFormatIsNotSearchedByFormerKeys() throws {
        let directory = try TemporaryDirectory("upgrade")
        let receiver = Receiver(store: try LedgerHandle(file: directory.file("l")).open(node: "t"))
        _ = try receiver.receive("a", key: 1, former: nil)
        #expect(try receiver.receive("b", key: 2, former: 1).drop?.id == "b")
    }

    @Test func theUpgradeOfALargeLedgerTellsHowFarItIs() throws {
        let directory = try TemporaryDirectory("upgrade")
        let path = directory.file("ledger.sqlite")
        _ = try LedgerHandle(file: path).open(node: "t")
        let count = 210_000
        let database = try DatabaseQueue(path: path)
        try database.write { db in
            try db.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
                    INSERT INTO drops (seq, id, state, repeat_key, ready, received)
                    SELECT 2 * i, 'd' || i, 1, randomblob(32), 'webhook/' || i, i FROM n
                    """, arguments: [count])
        }
        try database.close()
        try Self.make(4, path)
        var said: [String] = []
        let store = try LedgerHandle(file: path).open(node: "t") { said.append($0) }
        #expect(said.count == 4 && said[1].hasSuffix("200000 of 210000 drops"), "\(said)")
        #expect(said[0].hasSuffix("from ledger format 4 to 5"))
        for number in [0, 1, 65_535, 65_536, 200_000, count - 1] {
            #expect(try store.drop(id: "d\(number)")?.seq == Int64(2 * number))
        }
        #expect(try store.drop(id: "d\(count)") == nil)
        #expect(try LedgerHandle(file: path).reader().drop(id: "d7")?.seq == 14)
    }
}
