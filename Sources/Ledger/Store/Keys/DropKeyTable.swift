// The keys of drops as the database has them: runs of sorted keys, each written once and from then on only read, until it is
// merged with others. Statements only; `DropKeyIndex` says when which of them is made.
import Foundation
import GRDB

/// The tables `drop_key_runs` and `drop_keys`. An index over keys that lie anywhere would touch a page for each of them in every
/// commit; a run is a few pages in a row for thousands of them. What is here can be made again from the rows of drops.
enum DropKeyTable {
    /// What a run is good for; raw values are stored.
    enum State: Int64 {
        case inUse = 0
        /// Being merged from others, which are still in use.
        case unfinished = 1
        /// Merged into another one; its keys are to be removed.
        case done = 2
    }

    /// A run whose keys are all of drops up to `through`.
    struct Run {
        var number: Int64
        var level: Int
        var keys: Int
        var through: Int64
        /// nil: it is looked into for every key.
        var filter: DropKeyFilter?
    }

    /// `drop_keys.id` is `DropKeyBlock.id`.
    static let statements = """
        CREATE TABLE drop_key_runs (
          run INTEGER PRIMARY KEY,
          state INTEGER NOT NULL,
          level INTEGER NOT NULL,
          keys INTEGER NOT NULL,
          through INTEGER NOT NULL,
          filter BLOB
        );
        CREATE TABLE drop_keys (id INTEGER PRIMARY KEY, keys BLOB NOT NULL);
        """

    /// Far more than a run has. A filter of what somebody may have written there instead has no room in memory.
    static let mostKeys = 1 << 24

    /// All runs, oldest first, without their filters. Throws `LedgerError(.unreadable)` where one has a number that none can have.
    static func runs(_ db: Database) throws -> [(run: Run, state: State)] {
        var runs: [(Run, State)] = []
        try HotStatement(
            db, "SELECT run, state, level, keys, through FROM drop_key_runs ORDER BY through, run"
        )
        .forEach { row in
            let run = Run(
                number: row.int(0), level: Int(row.int(2)), keys: min(max(0, Int(row.int(3))), mostKeys),
                through: row.int(4))
            guard (0..<DropKeyBlock.mostRuns).contains(run.number) else {
                throw LedgerError.damaged(column: "run", of: "drop_key_runs", row: "run \(run.number)")
            }
            runs.append((run, State(rawValue: row.int(1)) ?? .unfinished))
            return true
        }
        return runs
    }

    /// nil where there is none that is right.
    static func filter(of run: Run, _ db: Database) throws -> DropKeyFilter? {
        var filter: DropKeyFilter?
        let statement = try HotStatement(db, "SELECT filter FROM drop_key_runs WHERE run = ?")
        statement.bind(1, run.number)
        try statement.forEach { row in
            filter = DropKeyFilter(bytes: Array(row.bytes(0)), keys: run.keys)
            return false
        }
        return filter
    }

    /// The number of a run that is to be written.
    static func nextRun(_ db: Database) throws -> Int64 {
        let last = try Int64.fetchOne(db, sql: "SELECT max(run) FROM drop_key_runs") ?? -1
        guard (-1..<DropKeyBlock.mostRuns - 1).contains(last) else {
            throw LedgerError(.unwritable, "the ledger's keys of drops have run out of numbers")
        }
        return last + 1
    }

    static func insert(_ run: Run, _ state: State, _ db: Database) throws {
        let statement = try HotStatement(
            db,
            "INSERT OR REPLACE INTO drop_key_runs (run, state, level, keys, through, filter) VALUES (?, ?, ?, ?, ?, ?)"
        )
        statement.bind(1, run.number)
        statement.bind(2, state.rawValue)
        statement.bind(3, Int64(run.level))
        statement.bind(4, Int64(run.keys))
        statement.bind(5, run.through)
        statement.bind(6, run.filter?.data)
        try statement.run()
    }

    /// - Parameter keys: sorted, and above those that the run has.
    static func append(_ keys: [DropKey], to run: Int64, _ db: Database) throws {
        let statement = try HotStatement(db, "INSERT INTO drop_keys (id, keys) VALUES (?, ?)")
        try DropKeyBlock.cut(keys[...]) { first, bytes in
            try bytes.withUnsafeBytes { raw in
                statement.bind(1, DropKeyBlock.id(run: run, hash: first))
                statement.bind(2, inPlace: raw)
                try statement.run()
            }
        }
    }

    /// Writes a whole run. - Parameter keys: sorted.
    static func write(_ keys: [DropKey], level: Int, through: Int64, _ db: Database) throws -> Run {
        var filter = DropKeyFilter(keys: keys.count)
        for key in keys { filter.add(key.hash) }
        let run = Run(
            number: try nextRun(db), level: level, keys: keys.count, through: through, filter: filter)
        try insert(run, .inUse, db)
        try append(keys, to: run.number, db)
        return run
    }

    /// Adds the numbers of the drops with this hash to a list.
    static func collect(_ hash: Int64, in run: Int64, into seqs: inout [Int64], _ db: Database) throws {
        let statement = try HotStatement(
            db, "SELECT id, keys FROM drop_keys WHERE id <= ? ORDER BY id DESC LIMIT 1")
        statement.bind(1, DropKeyBlock.id(run: run, hash: hash))
        try statement.forEach { row in
            guard DropKeyBlock.run(ofID: row.int(0)) == run else { return false }
            let block = DropKeyBlock(row.bytes(1))
            var index = block.index(of: hash)
            while index < block.count, block[index].hash == hash {
                seqs.append(block[index].seq)
                index += 1
            }
            return false
        }
    }

    /// The keys of a run whose hashes lie in a range. Its bounds are multiples of `DropKeyBlock`'s upper bits, or beyond.
    static func keys(of run: Int64, in hashes: ClosedRange<Int64>, _ db: Database) throws -> [DropKey] {
        let statement = try HotStatement(
            db,
            """
            SELECT keys FROM drop_keys WHERE id <= ?2 AND id >= coalesce(
              (SELECT id FROM drop_keys WHERE id <= ?1 AND id >= ?3 ORDER BY id DESC LIMIT 1), ?1) ORDER BY id
            """)
        statement.bind(1, DropKeyBlock.id(run: run, hash: hashes.lowerBound))
        statement.bind(2, DropKeyBlock.id(run: run, hash: hashes.upperBound))
        statement.bind(3, DropKeyBlock.id(run: run, hash: 0))
        var keys: [DropKey] = []
        try statement.forEach { row in
            let block = DropKeyBlock(row.bytes(0))
            var index = block.index(of: hashes.lowerBound)
            while index < block.count, block[index].hash <= hashes.upperBound {
                keys.append(block[index])
                index += 1
            }
            return true
        }
        return keys
    }

    /// Takes away keys of a run that is done, some hundred blocks at once. Returns whether none is left, and then the run is
    /// gone, too.
    static func remove(_ run: Int64, _ db: Database) throws -> Bool {
        let most = 256
        let blocks = try HotStatement(
            db,
            "DELETE FROM drop_keys WHERE id IN (SELECT id FROM drop_keys WHERE id >= ?1 AND id < ?2 LIMIT \(most))"
        )
        blocks.bind(1, DropKeyBlock.id(run: run, hash: 0))
        blocks.bind(2, DropKeyBlock.id(run: run + 1, hash: 0))
        guard try blocks.run() < most else { return false }
        let row = try HotStatement(db, "DELETE FROM drop_key_runs WHERE run = ?")
        row.bind(1, run)
        try row.run()
        return true
    }
}
