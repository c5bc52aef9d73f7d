// Marks drops as released: events that came one after the other by one statement, as a batch of the stager is.
import Admission
import GRDB

/// One release of many drops, which takes their bodies out of the store.
struct DropRelease {
    private struct Drop {
        /// Among those that are released.
        var place: Int
        var seq: Int64
        var readyPath: String
    }

    /// Pending events without another drop between them.
    private struct Run {
        var first: Int64
        var last: Int64
        var place: Place
    }

    /// Where drops of a run lie.
    private enum Place: Equatable {
        /// Each where its row says so already.
        case asBefore
        /// All of them here: one file holds them.
        case file(String)
        /// Each under its former name in this directory, a path with a slash at the end; so many bytes of its former path, all
        /// ASCII, came before the name.
        case directory(String, former: Int)

        init(_ readyPath: String, former: UnsafeRawBufferPointer) {
            let path = readyPath.utf8, slash = UInt8(ascii: "/")
            if former.elementsEqual(path) {
                self = .asBefore
                return
            }
            let name = former.lastIndex(of: slash).map { former[($0 + 1)...] } ?? former[...]
            guard let end = path.lastIndex(of: slash), path[path.index(after: end)...].elementsEqual(name),
                former[..<name.startIndex].allSatisfy({ $0 < 0x80 })
            else {
                self = .file(readyPath)
                return
            }
            self = .directory(String(readyPath[...end]), former: name.startIndex)
        }
    }

    /// Drops whose numbers are further apart than this are in no run: rows between them would be read for nothing.
    private static let farthest: Int64 = 1000

    private let db: Database
    private let time: Int64
    /// By number, each once.
    private let drops: [Drop]

    /// - Parameter seq: finds a drop; those that there are not are left out.
    init(
        _ drops: [(id: String, readyPath: String)], at instant: Instant, _ db: Database,
        seq: (String) throws -> Int64?
    ) throws {
        self.db = db
        time = instant.microseconds
        var known = try drops.enumerated().compactMap { place, drop in
            try seq(drop.id).map { Drop(place: place, seq: $0, readyPath: drop.readyPath) }
        }
        // The gate gives no others. The distance between two of these fits into an `Int64`.
        known.removeAll { !(0..<LedgerLimits.entries).contains($0.seq) }
        known.sort { ($0.seq, $0.place) < ($1.seq, $1.place) }
        // Of one that is named twice the first counts.
        var last: Int64?
        known.removeAll { drop in
            defer { last = drop.seq }
            return drop.seq == last
        }
        self.drops = known
    }

    /// Returns how many were pending until now.
    func run() throws -> (events: Int, uploads: Int) {
        var (events, uploads) = (0, 0)
        var singles: [Drop] = []
        var rest = drops[...]
        while let first = rest.first {
            var end = rest.startIndex + 1
            while end < rest.endIndex, rest[end].seq - rest[end - 1].seq <= Self.farthest { end += 1 }
            let plan = try plan(rest[rest.startIndex..<end], from: first.seq)
            for run in plan.runs { events += try release(run) }
            singles += plan.singles
            rest = rest[end...]
        }
        for drop in singles.sorted(by: { $0.place < $1.place }) { uploads += try release(drop) }
        return (events, uploads)
    }

    /// What one statement each is enough for.
    private func plan(_ drops: ArraySlice<Drop>, from first: Int64) throws -> (runs: [Run], singles: [Drop]) {
        var (runs, singles): ([Run], [Drop]) = ([], [])
        var current: Run?
        func end() {
            if let current { runs.append(current) }
            current = nil
        }
        var next = drops.startIndex
        let rows = try HotStatement(
            db,
            "SELECT seq, state = 0 AND incoming IS NULL, ready FROM drops WHERE seq BETWEEN ? AND ? ORDER BY seq"
        )
        rows.bind(1, first)
        rows.bind(2, drops.last?.seq ?? first)
        try rows.forEach { row in
            guard drops.indices.contains(next), drops[next].seq == row.int(0) else {
                // It is not among them.
                end()
                return true
            }
            let drop = drops[next]
            next += 1
            guard row.int(1) != 0 else {
                end()
                singles.append(drop)
                return true
            }
            let place = Place(drop.readyPath, former: row.bytes(2))
            if current?.place != place {
                end()
                current = Run(first: drop.seq, last: drop.seq, place: place)
            }
            current?.last = drop.seq
            return true
        }
        end()
        return (runs, singles)
    }

    private func release(_ run: Run) throws -> Int {
        let ready =
            switch run.place {
            case .asBefore: ""
            case .file: ", ready = ?4"
            case .directory: ", ready = ?4 || substr(ready, ?5)"
            }
        let update = try HotStatement(
            db, "UPDATE drops SET state = 1, released = ?3\(ready) WHERE seq BETWEEN ?1 AND ?2")
        update.bind(1, run.first)
        update.bind(2, run.last)
        update.bind(3, time)
        switch run.place {
        case .asBefore: break
        case .file(let path): update.bind(4, path)
        case .directory(let path, let former):
            update.bind(4, path)
            update.bind(5, Int64(former + 1))
        }
        let count = try update.run()
        try removeBodies(run.first, run.last)
        return count
    }

    /// An upload, or a drop that is not pending any more.
    private func release(_ drop: Drop) throws -> Int {
        // Of one path these times rise, even when the clock does not: they say who lies there.
        let update = try HotStatement(
            db,
            """
            UPDATE drops SET state = 1, ready = ?1, released = max(?2, 1 + coalesce((
              SELECT max(released) FROM drops WHERE ready = ?1 AND incoming IS NOT NULL), 0))
            WHERE seq = ?3 AND state = 0
            """)
        update.bind(1, drop.readyPath)
        update.bind(2, time)
        update.bind(3, drop.seq)
        let count = try update.run()
        try removeBodies(drop.seq, drop.seq)
        return count
    }

    private func removeBodies(_ first: Int64, _ last: Int64) throws {
        let remove = try HotStatement(db, "DELETE FROM bodies WHERE seq BETWEEN ? AND ?")
        remove.bind(1, first)
        remove.bind(2, last)
        try remove.run()
    }
}
