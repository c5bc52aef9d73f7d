// Brings a ledger of an earlier format up to date, within the transaction in which it is opened: it is done or not begun.
import Admission
import Foundation
import GRDB

struct Upgrade {
    private let db: Database
    private let path: String

    /// Drops that are copied between two lines of progress; a ledger with fewer has none.
    private static let step: Int64 = 200_000

    init(_ db: Database, path: String) {
        self.db = db
        self.path = path
    }

    /// - Parameter progress: is told that it begins, and how far a large one is.
    func run(from format: Int, progress: (String) -> Void) throws {
        progress("upgrade of \(path): from ledger format \(format) to \(Schema.version)")
        if format < 2 { try fromFirst() }
        if format < 3 { try fromSecond() }
        if format < 4 { try fromThird() }
        try fromFourth(format, progress)
    }

    /// Format 1 kept the leaf hash beside each entry and had no tree.
    private func fromFirst() throws {
        try db.execute(sql: Schema.treeStatements)
        try db.execute(sql: "DROP INDEX entries_source")
        try db.execute(sql: "ALTER TABLE entries DROP COLUMN leaf")
        try db.execute(
            sql: "CREATE INDEX entries_source ON entries(time / 86400000000, source) WHERE source IS NOT NULL"
        )
        var builder = TileBuilder()
        let rows = try Data.fetchCursor(db, sql: "SELECT json FROM entries ORDER BY seq")
        while let json = try rows.next() {
            try builder.append(MerkleHash.leaf(Array(json))) { try StoredTree.insert($0, db) }
        }
    }

    /// Format 2 knew no drops that settle, and no name but the one under `ready/`.
    private func fromSecond() throws {
        for column in ["name TEXT", "due INTEGER", "modified INTEGER"] {
            try db.execute(sql: "ALTER TABLE drops ADD COLUMN \(column)")
        }
    }

    /// Format 3 did not tell when the clock was behind, nor drops that a consumer has taken from those that wait.
    private func fromThird() throws {
        try db.execute(sql: ClockSetBack.table)
        try db.execute(sql: "ALTER TABLE drops ADD COLUMN taken INTEGER")
    }

    /// Format 4 found the gate's own entries by looking at all of them, and had an index over all ids and two over all keys of drops.
    /// Ids were unique by theirs, which cannot be taken from a table.
    private func fromFourth(_ format: Int, _ progress: (String) -> Void) throws {
        try db.execute(sql: Schema.gateIndex)
        let count = try Int64.fetchOne(db, sql: "SELECT count(*) FROM drops") ?? 0
        for index in ["repeat", "event", "upload", "unfinished", "released"] {
            try db.execute(sql: "DROP INDEX IF EXISTS drops_\(index)")
        }
        try db.execute(sql: "ALTER TABLE drops RENAME TO former_drops")
        try db.execute(sql: Schema.dropStatements)
        try copyDrops(count, progress)
        try db.execute(sql: "DROP TABLE former_drops")
        if count >= Self.step { progress("upgrade of \(path): indexing the keys of \(count) drops") }
        try DropKeys.build(db)
        let time = try Int64.fetchOne(db, sql: "SELECT time FROM entries ORDER BY seq DESC LIMIT 1")
        try db.execute(
            sql: "INSERT INTO upgraded (format, drops, time) VALUES (?, ?, ?)",
            arguments: [format, count, time ?? 0])
    }

    private func copyDrops(_ count: Int64, _ progress: (String) -> Void) throws {
        let columns = try db.columns(in: "drops").map(\.name).joined(separator: ", ")
        var (copied, last) = (Int64(0), Int64(-1))
        while true {
            try db.execute(
                sql: """
                    INSERT INTO drops (\(columns)) SELECT \(columns) FROM former_drops WHERE seq > ? ORDER BY seq LIMIT ?
                    """, arguments: [last, Self.step])
            guard db.changesCount > 0 else { return }
            copied += Int64(db.changesCount)
            last = try Int64.fetchOne(db, sql: "SELECT max(seq) FROM drops") ?? last
            if count >= Self.step { progress("upgrade of \(path): \(copied) of \(count) drops") }
        }
    }
}
