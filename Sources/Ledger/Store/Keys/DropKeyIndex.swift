// Where drops are found by their keys: id, what makes a repeat, identity of the event. The newest keys are in memory, the others
// in runs in the database; the rows of drops decide. For the process that writes the ledger.
import GRDB

/// The keys of all drops. A log-structured index: each few thousand drops become a run, sixteen runs become one of the next
/// level. So an append costs the same however many drops there are, and a look asks the filters of some dozen runs.
struct DropKeyIndex {
    /// How much each run holds, and how far they are merged.
    struct Sizes {
        /// Drops whose keys are in memory alone, about: they are read again at each start.
        var tail = 4096
        /// Runs of one level that become one of the next.
        var fan = 16
        var topLevel = 2
        /// Keys that are moved by one step of a merge, and drops that come between two steps.
        var stepKeys = 4096
        var stepDrops = 128
        /// Of all filters in memory. Runs beyond it, the largest first, are looked into.
        var filterBytes = 64 << 20
    }

    /// What `upkeep` did in a transaction; it counts once that is committed.
    enum Change {
        case flushed(DropKeyTable.Run, DropKeyTail.Mark)
        case filtered(run: Int64, DropKeyFilter?)
        case stepped(Merge)
        case merged(DropKeyTable.Run, from: [Int64])
        case removed
        case cleared
    }

    struct Merge {
        /// Its keys and number are those of its sources.
        var target: DropKeyTable.Run
        var sources: [Int64]
        /// Keys below it are moved.
        var next: Int64 = 0
    }

    private let sizes: Sizes
    private var runs: [DropKeyTable.Run] = []
    private var tail = DropKeyTail()
    private var merge: Merge?
    /// The filter of the run that is being made. What a step that failed has added does no harm.
    private var filter = DropKeyFilter(keys: 0)
    /// Runs that are to be removed.
    private var done: [Int64] = []
    /// Runs whose filter is not there, or has no room.
    private var unfiltered: Set<Int64> = []
    private var lastStep = 0
    private var appended = 0

    /// As the database has it, without the filters: those are read by and by.
    init(_ db: Database, sizes: Sizes = Sizes()) throws {
        self.sizes = sizes
        for (run, state) in try DropKeyTable.runs(db) {
            if state == .inUse { runs.append(run) } else { done.append(run.number) }
        }
        try DropKeys.forEach(db, after: runs.last?.through ?? -1) { tail.add($0, $1) }
    }

    // MARK: Looks

    /// The numbers of the drops that may have a key with this hash, rising.
    func seqs(_ hash: Int64, _ db: Database) throws -> [Int64] {
        var seqs: [Int64] = []
        for run in runs where run.filter?.mayHold(hash) ?? true {
            try DropKeyTable.collect(hash, in: run.number, into: &seqs, db)
        }
        tail.collect(hash, into: &seqs)
        if seqs.count > 1 { seqs.sort() }
        return seqs
    }

    // MARK: Changes

    var mark: DropKeyTail.Mark { tail.mark }

    /// - Parameter hashes: of all keys of a drop that was added in this transaction.
    mutating func add(_ seq: Int64, _ hashes: [Int64]) {
        tail.add(seq, hashes)
        appended += 1
    }

    /// The transaction was not committed.
    mutating func goBack(to mark: DropKeyTail.Mark) { tail.goBack(to: mark) }

    /// A small piece of what is to be done now and then, before anything is added in the same transaction.
    mutating func upkeep(_ db: Database) throws -> Change? {
        if tail.drops >= sizes.tail { return try flush(db) }
        if let run = runs.last(where: { $0.filter == nil && !unfiltered.contains($0.number) }) {
            let isRoom = filterBytes + DropKeyFilter.bytes(keys: run.keys) <= sizes.filterBytes
            return .filtered(run: run.number, isRoom ? try DropKeyTable.filter(of: run, db) : nil)
        }
        guard appended - lastStep >= sizes.stepDrops else { return nil }
        if let run = done.first { return try DropKeyTable.remove(run, db) ? .removed : .cleared }
        return try step(db)
    }

    mutating func apply(_ change: Change) {
        switch change {
        case .flushed(let run, let mark):
            tail.forget(before: mark)
            runs.append(run)
            shed()
        case .filtered(let number, let filter):
            guard let index = runs.firstIndex(where: { $0.number == number }) else { return }
            runs[index].filter = filter
            if filter == nil { unfiltered.insert(number) }
        case .stepped(let merge):
            self.merge = merge
            lastStep = appended
        case .merged(let run, let sources):
            merge = nil
            runs.removeAll { sources.contains($0.number) }
            runs.append(run)
            runs.sort { $0.through < $1.through }
            done += sources
            unfiltered.subtract(sources)
            filter = DropKeyFilter(keys: 0)
            shed()
        case .removed:
            done.removeFirst()
            lastStep = appended
        case .cleared: lastStep = appended
        }
    }

    private var filterBytes: Int { runs.reduce(0) { $0 + ($1.filter?.bytes ?? 0) } }

    /// Gives filters up where they take more memory than they may, those of the largest runs first.
    private mutating func shed() {
        while filterBytes > sizes.filterBytes,
            let index = runs.indices.filter({ runs[$0].filter != nil }).max(by: {
                runs[$0].keys < runs[$1].keys
            })
        {
            runs[index].filter = nil
            unfiltered.insert(runs[index].number)
        }
    }

    private func flush(_ db: Database) throws -> Change {
        var keys = tail.keys
        let through = keys.last?.seq ?? -1
        keys.sortAndThin()
        return .flushed(try DropKeyTable.write(keys, level: 0, through: through, db), tail.mark)
    }

    // MARK: Merging

    private mutating func step(_ db: Database) throws -> Change? {
        guard var merge = try self.merge ?? begin(db) else { return nil }
        // More at once where more was appended. Hashes are spread evenly: a part of their range is a part of the keys.
        let pace = min(8, max(1, (appended - lastStep) / sizes.stepDrops))
        let parts = merge.target.keys / (sizes.stepKeys * pace) + 1
        let end = DropKeyBlock.end(ofPart: merge.next, of: parts)
        let range = merge.next...(end.map { $0 - 1 } ?? .max)
        var keys: [DropKey] = []
        for source in merge.sources { keys += try DropKeyTable.keys(of: source, in: range, db) }
        keys.sortAndThin()
        for key in keys { filter.add(key.hash) }
        try DropKeyTable.append(keys, to: merge.target.number, db)
        if let end {
            merge.next = end
            return .stepped(merge)
        }
        merge.target.filter = filter
        try DropKeyTable.insert(merge.target, .inUse, db)
        for source in merge.sources {
            try db.execute(
                sql: "UPDATE drop_key_runs SET state = ?, filter = NULL WHERE run = ?",
                arguments: [DropKeyTable.State.done.rawValue, source])
        }
        return .merged(merge.target, from: merge.sources)
    }

    /// The oldest runs of a level that has enough of them.
    private mutating func begin(_ db: Database) throws -> Merge? {
        for level in 0..<sizes.topLevel {
            let sources = runs.filter { $0.level == level }.prefix(sizes.fan)
            guard sources.count == sizes.fan, let last = sources.last else { continue }
            let target = DropKeyTable.Run(
                number: try DropKeyTable.nextRun(db), level: level + 1,
                keys: min(sources.reduce(0) { $0 + $1.keys }, DropKeyTable.mostKeys), through: last.through)
            try DropKeyTable.insert(target, .unfinished, db)
            filter = DropKeyFilter(keys: target.keys)
            return Merge(target: target, sources: sources.map(\.number))
        }
        return nil
    }
}

/// The keys of drops as their rows have them.
enum DropKeys {
    /// Of a drop that is registered or was.
    static func hashes(id: String, repeatKey: [UInt8], eventKey: [UInt8]?) -> [Int64] {
        let keys = [DropKeyHash.of(id: id), DropKeyHash.of(key: repeatKey)]
        return eventKey.map { keys + [DropKeyHash.of(key: $0)] } ?? keys
    }

    /// Gives each drop above a number, with the hashes of its keys, oldest first.
    static func forEach(
        _ db: Database, after seq: Int64, _ body: (_ seq: Int64, _ hashes: [Int64]) throws -> Void
    ) throws {
        let statement = try HotStatement(
            db, "SELECT seq, id, repeat_key, event_key FROM drops WHERE seq > ? ORDER BY seq")
        statement.bind(1, seq)
        try statement.forEach { row in
            let event = row.isNull(3) ? nil : Array(row.bytes(3))
            try body(
                row.int(0), hashes(id: row.text(1), repeatKey: Array(row.bytes(2)), eventKey: event))
            return true
        }
    }

    /// Writes runs of the keys of all drops, of as many drops each as runs of each level have, and leaves the last few drops
    /// out. For a ledger that has none.
    static func build(_ db: Database, sizes: DropKeyIndex.Sizes = .init()) throws {
        var left = try Int64.fetchOne(db, sql: "SELECT count(*) FROM drops") ?? 0
        var through: Int64 = -1
        for level in (0...sizes.topLevel).reversed() {
            let width = (0..<level).reduce(Int64(sizes.tail)) { width, _ in width * Int64(sizes.fan) }
            while left >= width {
                var keys: [DropKey] = []
                let statement = try HotStatement(
                    db, "SELECT seq, id, repeat_key, event_key FROM drops WHERE seq > ? ORDER BY seq LIMIT ?")
                statement.bind(1, through)
                statement.bind(2, width)
                try statement.forEach { row in
                    through = row.int(0)
                    let event = row.isNull(3) ? nil : Array(row.bytes(3))
                    for hash in hashes(id: row.text(1), repeatKey: Array(row.bytes(2)), eventKey: event) {
                        keys.append(DropKey(hash: hash, seq: through))
                    }
                    return true
                }
                keys.sortAndThin()
                _ = try DropKeyTable.write(keys, level: level, through: through, db)
                left -= width
            }
        }
    }
}
