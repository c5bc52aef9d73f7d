// Values that no gate writes. SQLite keeps any value in any column, and who can write the ledger's file may have put it there: a
// verification tells of it, whoever reads the ledger is told or gets nothing of it, and nobody is ended by it.
import Admission
import Foundation
import GRDB
import Ledger
import Support
import Testing

/// A value that no gate writes, in the ledger of `HostileValueTests`.
struct HostileValue: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let statement: String
    /// A part of what a verification finds; nil: nothing, because the value has no consequence.
    let found: String?
    /// A part of what somebody who reads the ledger is told; nil: everybody reads on.
    let refused: String?

    /// - Parameter rows: a condition in SQL.
    static func cell(
        _ table: String, _ column: String, _ value: String, in rows: String = "1", found: String? = nil,
        refused: String? = nil
    ) -> HostileValue {
        HostileValue(
            testDescription: "\(table).\(column) = \(value)",
            statement: "UPDATE \(table) SET \(column) = \(value) WHERE \(rows)", found: found,
            refused: refused)
    }

    /// In a column that no hash covers.
    static func uncovered(
        _ table: String, _ column: String, _ value: String, in rows: String = "1"
    ) -> HostileValue {
        let words = "column \(column) of table \(table) has a value that it cannot have"
        return .cell(table, column, value, in: rows, found: words, refused: words)
    }

    /// One row more.
    static func row(
        _ table: String, _ values: String, found: String? = nil, refused: String? = nil
    ) -> HostileValue {
        HostileValue(
            testDescription: "\(table) (\(values))", statement: "INSERT INTO \(table) VALUES (\(values))",
            found: found, refused: refused)
    }

    static let all: [HostileValue] =
        times + entries + numbers + segments + setBacks + checkpoints + tiles + drops + others + keys

    private static let times: [HostileValue] = [
        "'abc'", "1.5", "x'00'", "9223372036854775807", "-9223372036854775808",
    ].map { value in
        .cell(
            "entries", "time", value, in: "seq = 299", found: "entry 299: column time says something else",
            refused: "column time of table entries")
    }

    private static let entries: [HostileValue] = [
        .cell(
            "entries", "json", "12345", in: "seq = 299", found: "entry 299 is not an entry",
            refused: "column json of table entries"),
        .cell(
            "entries", "json", "''", in: "seq = 299", found: "entry 299 is not an entry",
            refused: "entries were changed"),
        .cell("entries", "kind", "x'6c6f67696e'", in: "seq = 299", found: "entry 299: column kind"),
        .cell("entries", "account", "x'41'", in: "seq = 299", found: "entry 299: column account"),
        .cell("entries", "source", "'abc'", in: "seq = 299", found: "entry 299: column source"),
        .cell("entries", "source", "7", in: "seq = 299", found: "entry 299: column source"),
        // A byte more than an address has.
        .cell(
            "entries", "source", "x'20010db800000000000000000000000000'", in: "seq = 299",
            found: "entry 299: column source"),
    ]

    private static let numbers: [HostileValue] = [
        .cell(
            "entries", "seq", "9223372036854775807", in: "seq = 299",
            found: "entry 9223372036854775807 has a number that the gate gives to none",
            refused: "column seq of table entries"),
        .cell(
            "entries", "seq", "9007199254740991", in: "seq = 299",
            found: "entries 304 to 9007199254740990 are missing",
            refused: "was not written there by a gate"),
        .cell(
            "entries", "seq", "-5", in: "seq = 299",
            found: "entry -5 has a number that the gate gives to none", refused: "its hash tree lacks tile"),
        .cell(
            "entries", "seq", "seq - 1000", found: "entry -701 has a number that the gate gives to none",
            refused: "column seq of table entries"),
    ]

    private static let impossible = "table segments has files of sealed entries that could hold none"

    private static let segments: [HostileValue] = [
        .cell("segments", "number", "9223372036854775807", found: impossible),
        .cell("segments", "number", "-1", found: impossible),
        .cell("segments", "first", "'abc'", found: impossible),
        .cell("segments", "first", "-9223372036854775808", found: impossible),
        .cell("segments", "last", "'abc'", found: impossible),
        .cell("segments", "last", "9223372036854775806", found: impossible),
        covered("first_time", "'abc'"), covered("last_time", "9223372036854775807"),
        covered("sha256", "5"), covered("bytes", "'x'"),
        .cell(
            "segments", "removal_entry", "'x'", found: "were removed, and entry -1 does not record it",
            refused: "column removal_entry of table segments"),
    ]

    /// What the file of the segment says, too.
    private static func covered(_ column: String, _ value: String) -> HostileValue {
        .cell(
            "segments", column, value,
            found: "entries 0 to 255: column \(column) of table segments says something else",
            refused: "column \(column) of table segments")
    }

    private static let setBacks: [HostileValue] = [
        ("first", "-1"), ("last", "'abc'"), ("last", "9223372036854775807"), ("time", "x'00'"),
        ("earliest", "'x'"), ("latest", "9223372036854775807"),
    ].map { column, value in
        .cell(
            "set_back", column, value, found: "column \(column) of table set_back",
            refused: "column \(column) of table set_back")
    }

    private static let unreadable = "the ledger's newest checkpoint cannot be read"

    private static let checkpoints: [HostileValue] = [
        .cell("checkpoints", "size", "-1", in: "size = 304", found: "is not a checkpoint"),
        .cell("checkpoints", "size", "9223372036854775807", in: "size = 304", found: "is not a checkpoint"),
        .cell(
            "checkpoints", "note", "12345", in: "size = 304", found: "is not a checkpoint",
            refused: unreadable),
        .cell(
            "checkpoints", "note", "x'ff00'", in: "size = 304", found: "is not a checkpoint",
            refused: unreadable),
        // The note of a tree that is larger than any.
        .cell(
            "checkpoints", "note", "replace(note, '304', '9223372036854775807')", in: "size = 304",
            found: "is not a checkpoint", refused: unreadable),
    ]

    private static let tiles: [HostileValue] = ["5", "x'00'"].map { value in
        .cell(
            "tiles", "hashes", value, found: "the hash tile 0/0", refused: "its hash tree lacks tile 0/0")
    }

    private static let drops: [HostileValue] = [
        .uncovered("drops", "state", "'abc'", in: "seq = 300"),
        .cell("drops", "state", "99", in: "seq = 300"),
        .uncovered("drops", "received", "'abc'", in: "seq = 300"),
        .uncovered("drops", "received", "1.5", in: "seq = 300"),
        .uncovered("drops", "received", "9223372036854775807", in: "seq = 300"),
        .uncovered("drops", "released", "'abc'", in: "seq = 302"),
        .uncovered("drops", "due", "'abc'", in: "seq = 300"),
        .uncovered("drops", "due", "-9223372036854775808", in: "seq = 300"),
        .uncovered("drops", "modified", "'abc'", in: "seq = 300"),
        .uncovered("drops", "id", "x'ff'", in: "seq = 300"),
        .uncovered("drops", "ready", "x'ff'", in: "seq = 300"),
        .uncovered("drops", "incoming", "x'ff'", in: "seq = 301"),
        .uncovered("drops", "seq", "9223372036854775807", in: "seq = 300"),
        .uncovered("drops", "seq", "-9223372036854775808", in: "seq = 300"),
        .uncovered("bodies", "body", "5", in: "seq = 300"),
    ]

    private static let others: [HostileValue] = [
        .uncovered("witnessed", "name", "x'ff'"), .uncovered("witnessed", "size", "'x'"),
        .uncovered("witnessed", "time", "'abc'"), .uncovered("witnessed", "time", "9223372036854775807"),
        .uncovered("witnessed", "size", "-9223372036854775808"),
        .uncovered("witnessed", "size", "9223372036854775807"),
        .row("upgraded", "4, 1, 'abc'", found: upgraded, refused: upgraded),
    ]

    private static let upgraded = "column time of table upgraded"
    private static let run = "column run of table drop_key_runs"

    private static let keys: [HostileValue] = [
        .row("drop_key_runs", "9223372036854775807, 2, 0, 0, -1, NULL", found: run, refused: run),
        .row("drop_key_runs", "-1, 0, 0, 0, -1, NULL", found: run, refused: run),
        .row("drop_key_runs", "0, 'x', 'x', 'x', 'x', 'x'", found: "column state of table drop_key_runs"),
        .row("drop_key_runs", "0, 0, 0, -9223372036854775808, -1, NULL"),
        .row("drop_key_runs", "0, 0, 9223372036854775807, 9223372036854775807, -1, x'00'"),
        .row("drop_keys", "0, 'abc'"),
    ]
}

@Suite struct HostileValueTests {
    private static let later = Instant(microseconds: 1_795_431_730_000_000)
    private static let call = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .notListed)

    /// Entries 0 to 255 are sealed, 300 to 302 have drops, of which the last is released, and at 303 the clock had been set back.
    /// - Parameter statement: what is done to its file.
    private func ledger(with statement: String? = nil) throws -> Evidence {
        let evidence = try Evidence(entries: 300)
        try evidence.seal(files: 1)
        do {
            let store = try LedgerHandle(file: evidence.path).open(node: "t")
            _ = try store.commit(
                [
                    webhookOperation("a", key: 1), uploadOperation("b", key: 2, content: "x"),
                    webhookOperation("c", key: 3), .witnessed(name: "w", size: 300, at: Self.later),
                ], now: Self.later)
            _ = try store.commit(
                [.released([("c", "webhook/c")], at: Self.later), .append(Self.call, drop: nil)],
                now: Self.later - .seconds(500))
            _ = try store.commit([.checkpoint(evidence.key)], now: Self.later)
        }
        if let statement { try evidence.tamper(statement) }
        return evidence
    }

    @Test func withoutSuchValuesTheLedgerIsGoodAndCanBeRead() throws {
        let evidence = try ledger()
        #expect(try evidence.findings() == [])
        #expect(try refusals(evidence) == [])
    }

    @Test(arguments: HostileValue.all)
    func aVerificationTellsOfAValueThatNoGateWrites(value: HostileValue) throws {
        let evidence = try ledger(with: value.statement)
        let messages: [String]
        do { messages = try evidence.verify().faults.map(\.message) } catch let error as LedgerError {
            messages = [error.message]
        }
        if let found = value.found {
            #expect(messages.contains { $0.contains(found) }, "\(messages)")
        } else {
            #expect(messages == [])
        }
    }

    @Test(arguments: HostileValue.all)
    func whoReadsIsToldOfAValueThatNoGateWritesOrGetsNothingOfIt(value: HostileValue) throws {
        let messages = try refusals(ledger(with: value.statement))
        if let refused = value.refused {
            #expect(messages.contains { $0.contains(refused) }, "\(messages)")
        } else {
            #expect(messages == [])
        }
    }

    @Test func aPendingDropWithATimeThatIsNoneIsNotTakenForOneOf1970() throws {
        let evidence = try ledger(with: "UPDATE drops SET received = 'abc' WHERE seq = 300")
        let store = try LedgerHandle(file: evidence.path).open(node: "t")
        #expect(try store.pendingDrops(after: -1, limit: 10).map(\.record.id) == ["b"])
    }

    /// Their senders were told that they are stored, and go on sending.
    @Test(arguments: [
        "UPDATE drops SET received = 'abc' WHERE seq = 300",
        "UPDATE drops SET seq = 9223372036854775807 WHERE seq = 300",
        "UPDATE drops SET seq = -5 WHERE seq = 300", "UPDATE bodies SET body = 5 WHERE seq = 300",
    ])
    func oneDropThatCannotBeReadHoldsUpNoOther(statement: String) throws {
        let evidence = try ledger(with: statement)
        let store = try LedgerHandle(file: evidence.path).open(node: "t")
        _ = try store.commit([webhookOperation("d", key: 9)], now: Self.later)
        #expect(try store.pendingDrops(after: -1, limit: 1).map(\.record.id) == ["b"])
        #expect(try store.pendingDrops(after: 301, limit: 1).map(\.record.id) == ["d"])
        #expect(try store.pendingDrops(after: 304, limit: 1).isEmpty)
    }

    /// A look at each day in between would take an hour.
    @Test(.timeLimit(.minutes(1)), arguments: ["253402300799999999", "-62167219200000000"])
    func aLeapOfTenThousandYearsHoldsUpNoSearchForCallers(time: String) throws {
        let evidence = try ledger(with: "UPDATE entries SET time = \(time) WHERE seq = 303")
        let reader = try LedgerHandle(file: evidence.path).reader()
        let block = try CIDRBlock("2001:db8::/32")
        for order in [.oldestFirst, .newestFirst] as [LedgerQuery.Order] {
            var query = LedgerQuery()
            (query.sources, query.order, query.limit) = ([block], order, 1000)
            #expect(try reader.entries(query).filter { $0.seq >= 256 }.count == 22)
        }
        #expect(try !reader.sources(in: [block], since: Instant(microseconds: 0), limit: 100).isEmpty)
    }

    /// Taken for 1970 it would have entries of today sealed, and searched for among the oldest.
    @Test func aTimeThatIsNoneIsNotTakenForOneOf1970() throws {
        let evidence = try Evidence(entries: 300)
        try evidence.tamper("UPDATE entries SET time = 'abc' WHERE seq IN (150, 255)")
        let ledger = LedgerHandle(file: evidence.path)
        let looks: [() throws -> Void] = [
            { _ = try ledger.sealing().nextSegment(width: 256) },
            { _ = try ledger.reader().firstSeq(notBefore: Instant(microseconds: 0)) },
        ]
        for look in looks {
            let error = #expect(throws: LedgerError.self) { try look() }
            #expect(error?.message.contains("column time of table entries") == true)
        }
        withExtendedLifetime(evidence) {}
    }

    @Test func bytesOfAnEntryThatAreNoneAreTheLedgersDamage() throws {
        let entry = StoredEntry(seq: 7, time: Self.later, json: [])
        let error = #expect(throws: LedgerError.self) { try entry.value() }
        #expect(
            error?.message.hasSuffix("column json of table entries has a value that it cannot have (seq 7)")
                == true)
    }

    @Test(arguments: [-1, LedgerLimits.entries, .max] as [Int64])
    func anEntryWithANumberThatTheGateGivesToNoneIsLeftOut(seq: Int64) throws {
        let evidence = try ledger(
            with: """
                INSERT INTO entries SELECT \(seq), time, kind, channel, verdict, reason, source, account, json
                FROM entries WHERE seq = 299
                """)
        #expect(try evidence.findings() == ["altered_entry"])
        let reader = try LedgerHandle(file: evidence.path).reader()
        #expect(try reader.entry(seq: seq) == nil)
        #expect(try reader.lastSeq() == 303 && reader.size() == 304)
        #expect(try reader.firstSeq(notBefore: Self.later + .seconds(3600)) == 304)
        #expect(try reader.tally(0..<304).entries == 304)
        for query in try Self.queries() {
            let seqs = try reader.entries(query).map(\.seq)
            #expect(!seqs.isEmpty && seqs.allSatisfy { 0..<304 ~= $0 })
        }
    }

    @Test func attemptsThatAnEntryCountsBelowNoneAreNone() throws {
        let evidence = try ledger(
            with: "UPDATE entries SET json = CAST(replace(CAST(json AS TEXT), '\"count\":1,', "
                + "'\"count\":-999999999999999999,') AS BLOB)")
        let tally = try LedgerHandle(file: evidence.path).reader().tally(256..<304)
        #expect(tally.entries == 48 && tally.attempts == 0)
    }

    @Test func otherNumbersInAnEntryEndNobody() throws {
        let json = """
            {"detail":{"from":"x","refuses_count":-9223372036854775808},"kind":"policy","policy":"y",\
            "reason":"changed","verdict":"accepted"}
            """
        let entry = StoredEntry(seq: 0, time: Self.later, json: Array(json.utf8))
        #expect(try ListChange(entry)?.refusesCount == 0)
        let change = ClockChange(seconds: .min, isAtStart: true, clock: Self.later)
        #expect(change.summary.contains("9223372036854775808 s behind"))
    }

    @Test func runsThatSayToHaveLessThanNoKeysAreMerged() throws {
        let evidence = try ledger(
            with: """
                WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 15)
                INSERT INTO drop_key_runs SELECT i, 0, 0, -256, -1, NULL FROM n
                """)
        let store = try LedgerHandle(file: evidence.path).open(node: "t")
        // Each commit looks for the filter of one run. Runs are merged once some drops have come.
        for _ in 0..<16 { _ = try store.commit([], now: Self.later) }
        let drops = (0..<130).map { webhookOperation("d\($0)", key: UInt8(100 + $0)) }
        _ = try store.commit(drops, now: Self.later)
        _ = try store.commit([], now: Self.later)
        let merged = try DatabaseQueue(path: evidence.path).read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM drop_key_runs WHERE level = 1 AND state = 0")
        }
        #expect(merged == 1)
        for (id, seq) in [("a", 300), ("d0", 304), ("d129", 433)] as [(String, Int64)] {
            #expect(try store.drop(id: id)?.seq == seq)
        }
    }

    // MARK: Readers

    private static func queries() throws -> [LedgerQuery] {
        var (newest, until, sources) = (LedgerQuery(), LedgerQuery(), LedgerQuery())
        newest.order = .newestFirst
        until.until = later
        sources.sources = [try CIDRBlock("2001:db8::/32")]
        return [LedgerQuery(), newest, until, sources].map { query in
            var query = query
            query.limit = 1000
            return query
        }
    }

    /// What those are told who read a ledger, each in another way. What is no `LedgerError` fails the test.
    private func refusals(_ evidence: Evidence) throws -> [String] {
        let ledger = LedgerHandle(file: evidence.path)
        var messages: [String] = []
        func look(_ read: () throws -> Void) {
            do { try read() } catch let error as LedgerError { messages.append(error.message) } catch {
                Issue.record(error)
            }
        }
        let reader = try ledger.reader()
        for seq in [5, 299, 303] as [Int64] { look { _ = try reader.entry(seq: seq) } }
        for query in try Self.queries() { look { _ = try reader.entries(query) } }
        look { _ = try reader.tally(0..<reader.size()) }
        look { try reader.forEachEntry(256..<299) { _, _ in } }
        let (source, block) = (try IPAddress("2001:db8::99"), try CIDRBlock("2001:db8::/32"))
        look { _ = try reader.seen([source], before: 304) }
        look { _ = try reader.sources(in: [block], since: Self.later - .seconds(86_400), limit: 100) }
        look { _ = try reader.firstSeq(notBefore: Instant(microseconds: 0)) }
        look { _ = try reader.firstSeq(notBefore: Self.later) }
        look { _ = try reader.seqs(of: LedgerPeriod(since: nil, until: Self.later)) }
        look { _ = try reader.beginning() }
        look { _ = try reader.clockSetBacks() }
        look { _ = try reader.lastSeq() }
        look { _ = try reader.lastSealed() }
        look { _ = try reader.newestCheckpoint() }
        look { _ = try reader.checkpoint(covering: 300) }
        look { _ = try reader.witnessed() }
        look { _ = try reader.withTree { try $0.root(size: min(299, $0.size)) } }
        lookAtDrops(reader, look)
        lookAtSealing(try ledger.sealing(), look)
        look { lookAtStore(try ledger.open(node: "t"), look) }
        return messages
    }

    private func lookAtDrops(_ reader: any LedgerReading, _ look: (() throws -> Void) -> Void) {
        look { _ = try reader.drops(limit: 10) }
        look { _ = try reader.drops(states: [.pending, .released], before: 1000, limit: 10) }
        look { _ = try reader.drops(seqs: [300, 301, 302]) }
        look { _ = try reader.released(above: -1, limit: 10, waiting: 10, away: 10) }
        for state in DropState.allCases { look { _ = try reader.count(of: state) } }
        for id in ["a", "b", "c"] { look { _ = try reader.drop(id: id) } }
        look { _ = try reader.newestUpload(readyPath: "sftp/b") }
        look { _ = try reader.uploads(readyPath: "sftp/b", limit: 10) }
        look { _ = try reader.events(readyPath: "webhook", acceptedFrom: Instant(microseconds: 0)) }
        look { _ = try reader.body(seq: 300) }
    }

    private func lookAtSealing(_ sealing: any LedgerSealing, _ look: (() throws -> Void) -> Void) {
        look { for segment in try sealing.segments() { try sealing.requireUnaltered(segment) } }
        look { _ = try sealing.nextSegment(width: 64) }
        look { _ = try sealing.writtenBy(256..<290, lastTime: Self.later + .seconds(1), now: Self.later) }
        look { _ = try sealing.hasPendingDrops(0..<400) }
        look { _ = try sealing.hasUnclearedEntries(below: 256) }
    }

    private func lookAtStore(_ store: any LedgerStore, _ look: (() throws -> Void) -> Void) {
        for seq in [5, 299, 303] as [Int64] { look { _ = try store.entry(seq: seq) } }
        look { _ = try store.root(size: min(299, store.size())) }
        look { _ = try store.lastTime() }
        look { _ = try store.pendingDrops(after: -1, limit: 10) }
        look { _ = try store.pendingUploads(after: -1, limit: 10) }
        look { _ = try store.pendingEvents() }
        look { _ = try store.withdrawnDrops() }
        for state in DropState.allCases { look { _ = try store.drops(in: state, after: -1, limit: 10) } }
        for end in DropEnd.allCases {
            look { _ = try store.drops(end, before: Self.later, after: nil, limit: 10) }
        }
        look { _ = try store.newestDrops(in: .pending, limit: 10) }
        for id in ["a", "b", "c"] { look { _ = try store.drop(id: id) } }
        look { _ = try store.newestUploads(readyPaths: ["sftp/b"]) }
        look { _ = try store.body(seq: 300) }
        look {
            let event = webhookOperation("z", key: 1, event: 1, within: .seconds(86_400))
            let released = LedgerOperation.released([("a", "webhook/a"), ("b", "sftp/b")], at: Self.later)
            _ = try store.commit([event, released], now: Self.later)
        }
    }
}
