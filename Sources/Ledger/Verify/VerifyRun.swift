// One verification: walks segments and entries, feeds the tree, and notes what is wrong where.
import Files
import Foundation
import GRDB
import JSON

struct VerifyRun {
    private let verifier: LedgerVerifier
    private let db: Database
    private let size: Int64
    private var heads: HeadCheck
    private var tiles: TileCheck
    private var columns = ColumnCheck()
    private let setBacks: [ClockSetBack]
    private let lists: PolicyArchive
    private var promised: [String: Int64] = [:]
    /// The entries that are to record the removal of segments, and what those of them that were read say.
    private var removals: [Int64: SegmentRemoval?] = [:]
    private var next: Int64 = 0
    private(set) var result = LedgerVerifier.Result()

    init(_ verifier: LedgerVerifier, _ db: Database) throws {
        self.verifier = verifier
        self.db = db
        let entries = try Int64.fetchOne(
            db, sql: "SELECT max(seq) + 1 FROM entries WHERE seq < ?", arguments: [LedgerLimits.entries])
        let sealed = try Int64.fetchOne(
            db, sql: "SELECT max(last) + 1 FROM segments WHERE \(LedgerSegment.isPossibleRow)")
        size = max(entries ?? 0, sealed ?? 0)
        heads = try HeadCheck(db, trusted: verifier.trusted, evidence: verifier.evidence)
        tiles = TileCheck(db)
        var (setBacks, faults): ([ClockSetBack], [LedgerFault]) = ([], [])
        for row in try ClockSetBack.rows(db) {
            do { setBacks.append(try ClockSetBack(row: row)) } catch let error as LedgerError {
                faults.append(.init(.columns, nil, error.message))
            }
        }
        self.setBacks = setBacks
        faults += try RowCheck.faults(db)
        lists = PolicyArchive(directory: verifier.paths.policies)
        add(faults)
    }

    mutating func all() throws -> LedgerVerifier.Result {
        result.size = size
        let rows = try Row.fetchAll(
            db, sql: "SELECT * FROM segments WHERE \(LedgerSegment.isPossibleRow) ORDER BY number")
        let segments = rows.compactMap(LedgerSegment.init(unverified:))
        if try segments.count < Int.fetchOne(db, sql: "SELECT count(*) FROM segments") ?? 0 {
            add(
                .init(.missing, nil, "table segments has files of sealed entries that could hold none"))
        }
        for entry in segments.compactMap(\.removalEntry) { removals[entry] = .some(nil) }
        for segment in segments {
            guard segment.first >= next else {
                add(
                    .init(
                        .columns, segment.first...segment.last,
                        "table segments has entries \(segment.first) to \(segment.last) in \(segment.fileName), and some "
                            + "of them in another file, too"))
                continue
            }
            try skipMissing(before: segment.first)
            try take(segment)
        }
        // Also what no number leads to.
        let entries = try EntryRows(db, from: .min)
        while let row = try entries.next() { try take(row) }
        add(try tiles.finish(size: size))
        add(try heads.finish(size: size))
        for segment in segments { checkRemoval(segment, among: segments) }
        add(try lists.damage(promised: promised).map(\.fault))
        result.signed = heads.signed
        result.checkpointCount = heads.count
        result.witnessed = heads.witnessed
        return result
    }

    // MARK: Entries

    private mutating func take(_ row: EntryRow) throws {
        guard (0..<LedgerLimits.entries).contains(row.seq) else {
            return add(.init(.altered, nil, "entry \(row.seq) has a number that the gate gives to none"))
        }
        if row.seq < next { return try takeSealed(row) }
        try skipMissing(before: row.seq)
        let json = row.json
        if let scan = EntryScan(json) {
            let names = columns.differences(scan, row)
            if !names.isEmpty { addDifference(names, scan, row.seq) }
            checkClock(scan)
            heads.look(scan, json, seq: next)
            try lookForLists(scan, json)
            lookForRemoval(json)
        } else {
            add(
                .init(
                    .altered, row.seq...row.seq,
                    "entry \(row.seq) is not an entry: its bytes are not canonical JSON"))
        }
        try take(MerkleHash.leaf(json), bytes: json.count)
    }

    /// Of what is sealed the database may still have what a stop between sealing and clearing left there: the same bytes.
    private mutating func takeSealed(_ row: EntryRow) throws {
        // That a tile is gone is a finding of its own.
        guard let recorded = try tiles.leaf(row.seq), recorded != MerkleHash.leaf(row.json) else { return }
        add(
            .init(
                .altered, row.seq...row.seq,
                "entry \(row.seq) is sealed, and the database has other bytes under its number"))
    }

    private mutating func addDifference(_ names: [String], _ scan: EntryScan, _ seq: Int64) {
        if let other = scan.seq, other != seq {
            add(.init(.altered, seq...seq, "entry \(seq) holds the bytes of entry \(other)"))
        } else {
            add(
                .init(
                    .columns, seq...seq,
                    "entry \(seq): column \(names.joined(separator: ", ")) says something else than the entry, so "
                        + "that queries would lie"))
        }
    }

    /// What the clock said is found by the table of its set-backs.
    private mutating func checkClock(_ scan: EntryScan) {
        guard let clock = EntryScan.instant(scan.clock) else { return }
        let seq = next
        guard
            !setBacks.contains(where: { $0.tells(clock, of: seq) })
        else { return }
        add(
            .init(
                .columns, seq...seq,
                "entry \(seq) says that the clock was set back, but table set_back does not have it, so that "
                    + "queries would lie"))
    }

    private mutating func lookForLists(_ scan: EntryScan, _ json: UnsafeRawBufferPointer) throws {
        guard let version = KeptLists.promised(scan, json) else { return }
        promised[version] = next
        guard promised.count == KeptLists.most else { return }
        add(try lists.missing(promised).map(\.fault))
        promised = [:]
    }

    /// The next leaf, with its bytes hashed.
    private mutating func take(_ leaf: MerkleHash, bytes: Int) throws {
        result.bytes += Int64(bytes)
        if let recorded = try tiles.leaf(next), recorded != leaf {
            add(
                .init(
                    .altered, next...next,
                    "entry \(next) was altered: its bytes are not those that were recorded"))
            try append(recorded)
        } else {
            try append(leaf)
        }
    }

    /// Into the tree goes the recorded hash where there is one, so that one altered entry is told from the others.
    private mutating func append(_ leaf: MerkleHash) throws {
        add(try tiles.append(leaf))
        next += 1
        heads.reached(tiles.frontier).forEach { add($0) }
        if next & 0x3FFF == 0 {
            try Task.checkCancellation()
            verifier.progress(next, size)
        }
    }

    private mutating func skipMissing(before seq: Int64) throws {
        guard next < seq else { return }
        add(
            .init(
                .missing, next...seq - 1,
                next == seq - 1 ? "entry \(next) is missing" : "entries \(next) to \(seq - 1) are missing"))
        while next < seq {
            guard let recorded = try tiles.leaf(next) else {
                heads.giveUp()
                next = seq
                return tiles.giveUp()
            }
            try append(recorded)
        }
    }

    // MARK: Segments

    private mutating func take(_ segment: LedgerSegment) throws {
        let entries = segment.first...segment.last
        if segment.removalEntry != nil {
            result.removed.append(entries)
            return try takeRecorded(upTo: segment.last)
        }
        let path = "\(verifier.paths.segments)/\(segment.fileName)"
        // What this process may not read says nothing of the ledger.
        let isThere = try isReadable(path)
        var check = SegmentCheck(segment)
        do {
            try SegmentFile.read(path) { _, line in
                guard next <= segment.last else {
                    add(.init(.altered, entries, "\(path) holds more entries than were sealed"))
                    return false
                }
                let scan = EntryScan(line)
                check.take(next, scan)
                if let scan {
                    checkClock(scan)
                    heads.look(scan, line, seq: next)
                    try lookForLists(scan, line)
                    lookForRemoval(line)
                }
                try take(MerkleHash.leaf(line), bytes: line.count)
                return true
            }
        } catch let error as LedgerError {
            // What is wrong may stand behind the last of them.
            let first = min(max(next, segment.first), segment.last)
            add(
                .init(
                    isThere ? .altered : .missing, first...segment.last,
                    "sealed entries \(first) to \(segment.last): \(error)"))
            return try takeRecorded(upTo: segment.last)
        }
        if next <= segment.last {
            add(.init(.missing, next...segment.last, "\(path) lacks entries \(next) to \(segment.last)"))
            return try takeRecorded(upTo: segment.last)
        }
        let names: [String]
        do { names = try check.differences(from: path) } catch let error as LedgerError {
            // Retention may have removed it since it was read. Its entries were what their hashes say.
            guard try isReadable(path) else { return }
            add(.init(.altered, entries, "sealed entries \(segment.first) to \(segment.last): \(error)"))
            return
        }
        guard !names.isEmpty else { return }
        add(
            .init(
                .columns, entries,
                "entries \(segment.first) to \(segment.last): column \(names.joined(separator: ", ")) of table segments "
                    + "says something else than \(path)"))
    }

    /// Whether a file is there. Throws where this process may not look at it.
    private func isReadable(_ path: String) throws -> Bool {
        do throws(FileError) {
            guard try Presence.check(path) else { return false }
        } catch {
            throw LedgerError("sealed entries cannot be read", error)
        }
        guard access(path, R_OK) == 0 else {
            throw LedgerError("sealed entries cannot be read", reading: path, .last)
        }
        return true
    }

    private mutating func takeRecorded(upTo last: Int64) throws {
        while next <= last {
            guard let recorded = try tiles.leaf(next) else {
                add(
                    .init(
                        .tree, next...last,
                        "the hashes of entries \(next) to \(last) are gone; without them, nothing that follows can be compared "
                            + "with what was signed"))
                heads.giveUp()
                next = last + 1
                return tiles.giveUp()
            }
            try append(recorded)
        }
    }

    private mutating func lookForRemoval(_ json: UnsafeRawBufferPointer) {
        guard removals[next] != nil else { return }
        removals[next] = .some(SegmentRemoval(try? JSONValue(parsing: Array(json))))
    }

    /// The removal of a segment is good only with the entry that records it, wherever that entry is by now: in the database, sealed,
    /// or removed with a later segment, whose own removal has an entry in turn.
    private mutating func checkRemoval(_ segment: LedgerSegment, among segments: [LedgerSegment]) {
        guard let entry = segment.removalEntry else { return }
        if let recorded = removals[entry] ?? nil {
            if recorded.isOf(segment) { return checkColumns(of: segment, recorded, entry) }
        } else if segment.holderOfRemoval(among: segments) != nil {
            return
        }
        add(
            .init(
                .missing, segment.first...segment.last,
                "entries \(segment.first) to \(segment.last) were removed, and entry \(entry) does not record it"
            ))
    }

    /// Of a file that is gone the entry of its removal tells what the table should say.
    private mutating func checkColumns(
        of segment: LedgerSegment, _ recorded: SegmentRemoval, _ entry: Int64
    ) {
        let names = recorded.differences(segment)
        guard !names.isEmpty else { return }
        add(
            .init(
                .columns, segment.first...segment.last,
                "entries \(segment.first) to \(segment.last) were removed: of them table segments says something else than "
                    + "entry \(entry) (\(names.joined(separator: ", ")))"))
    }

    // MARK: Findings

    private mutating func add(_ faults: [LedgerFault]) { faults.forEach { add($0) } }

    private mutating func add(_ fault: LedgerFault) {
        result.faultCount += 1
        if result.faults.count < LedgerVerifier.faultLimit { result.faults.append(fault) }
    }
}
