// A ledger of format 1 (leaf hashes beside the entries, no tree) is brought up to date when it is opened.
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
            let store = try SQLiteLedgerStore(path: path, node: "t")
            _ = try store.commit(operations, now: Instant(microseconds: 1_795_421_730_000_000))
            return try store.root(size: 300)
        }
        let root = try append()
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            for table in ["tiles", "checkpoints", "witnessed", "segments"] {
                try db.execute(sql: "DROP TABLE \(table)")
            }
            try db.execute(sql: "DROP INDEX entries_source")
            try db.execute(sql: "CREATE INDEX entries_source ON entries(source) WHERE source IS NOT NULL")
            try db.execute(sql: "ALTER TABLE entries ADD COLUMN leaf BLOB NOT NULL DEFAULT x'00'")
            try db.execute(sql: "PRAGMA user_version = 1")
        }
        try database.close()
        #expect(throws: LedgerError.self, "a reader does not upgrade") { try LedgerReader(path: path) }
        #expect(try append() == root)
        let result = try LedgerVerifier(path: path, trusted: [], kept: []).verify()
        #expect(result.isGood && result.size == 600)
    }
}
