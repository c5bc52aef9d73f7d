// Filters that read the entry's JSON, blocks with few and with many addresses, and bounds.
import Admission
import GRDB
import JSON
import Support
import Testing

@testable import Ledger

@Suite struct LedgerQueryTests {
    /// A ledger of these attempts, one a microsecond.
    private func reader(_ attempts: [Attempt], _ directory: TemporaryDirectory) throws -> any LedgerReading {
        let store = try LedgerHandle(file: directory.file("l")).open(node: "t")
        _ = try store.commit(
            attempts.map { .append($0, drop: nil) }, now: Instant(microseconds: 0))
        return try LedgerHandle(file: directory.file("l")).reader()
    }

    private func attempt(_ change: (inout Attempt) throws -> Void = { _ in }) throws -> Attempt {
        var attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        try change(&attempt)
        return attempt
    }

    private func seqs(_ reader: any LedgerReading, _ change: (inout LedgerQuery) -> Void) throws -> [Int64] {
        var query = LedgerQuery()
        query.limit = 2000
        change(&query)
        return try reader.entries(query).map(\.seq)
    }

    @Test func entriesMatchAsAWhole() throws {
        let directory = try TemporaryDirectory("query")
        let reader = try reader(
            [
                try attempt { $0.entries = ["vsee/clinic"] },
                try attempt { $0.entries = ["vsee/clinic-2", "a/b"] },
                try attempt { $0.account = "vsee/clinic" }, try attempt(),
            ], directory)
        #expect(try seqs(reader) { $0.entries = ["vsee/clinic"] } == [0])
        #expect(try seqs(reader) { $0.entries = ["a/b", "vsee/clinic"] } == [0, 1])
        #expect(try seqs(reader) { $0.entries = ["clinic"] } == [])
    }

    @Test func aDropIsFoundWhereverItIsNamed() throws {
        let directory = try TemporaryDirectory("query")
        let drop = "01k0000000000000000000000a"
        let reader = try reader(
            [
                try attempt { $0.drop = DropFacts(id: drop, name: "a", bytes: 1, sha256: nil) },
                try attempt { $0.detail["duplicate_of"] = .string(drop) },
                try attempt { $0.account = drop + "b" },
            ], directory)
        #expect(try seqs(reader) { $0.drops = [drop] } == [0, 1])
        #expect(try seqs(reader) { $0.drops = [String(drop.dropLast())] } == [])
    }

    @Test(
        arguments: [
            ("VISIT.ended", [0]), ("a\"b\\c", [1]), ("%", []), ("_", []), ("müller", [2]), ("MüLLER", [2]),
            ("", [0, 1, 2]), ("accepted", [0, 1, 2]),
        ] as [(String, [Int64])])
    func textIsFoundAsItStands(text: String, found: [Int64]) throws {
        let directory = try TemporaryDirectory("query")
        let reader = try reader(
            [
                try attempt { $0.detail["type"] = "Visit.Ended" }, try attempt { $0.account = "a\"b\\c" },
                try attempt { $0.detail["type"] = "Müller" },
            ], directory)
        #expect(try seqs(reader) { $0.text = text } == found)
    }

    /// `count` addresses in 10.0.0.0/16, three entries each, between entries of others.
    private func crowd(_ count: Int) throws -> [Attempt] {
        try (0..<(count * 3)).flatMap { index in
            [
                try attempt {
                    let host = index % count
                    $0.source = Endpoint(ip: try IPAddress("10.0.\(host / 256).\(host % 256)"))
                    if index >= count { $0.verdict = .rejected }
                },
                try attempt { $0.source = Endpoint(ip: try IPAddress("10.1.0.\(index % 256)")) },
            ]
        }
    }

    @Test(arguments: [1, 2, 399, 400, 401, 500])
    func aBlockHoldsFewOrManyAddresses(count: Int) throws {
        let directory = try TemporaryDirectory("query")
        let reader = try reader(try crowd(count), directory)
        let block = try CIDRBlock("10.0.0.0/16")
        let empty = try CIDRBlock("10.2.0.0/16")
        let all = (0..<Int64(count * 3)).map { $0 * 2 }
        #expect(try seqs(reader) { $0.sources = [block] } == Array(all.prefix(2000)))
        #expect(
            try seqs(reader) {
                $0.sources = [block]
                $0.order = .newestFirst
                $0.limit = 5
                $0.verdicts = [.rejected]
            } == Array(all.dropFirst(count).reversed().prefix(5)))
        #expect(
            try seqs(reader) {
                $0.sources = [block]
                $0.since = Instant(microseconds: 2)
                $0.until = Instant(microseconds: 6)
            } == all.filter { (2...5).contains($0) })
        #expect(try seqs(reader) { $0.sources = [empty] } == [])
    }

    @Test func boundsHoldInBothOrders() throws {
        let directory = try TemporaryDirectory("query")
        let one = try attempt()
        let reader = try reader(Array(repeating: one, count: 20), directory)
        for order in [LedgerQuery.Order.oldestFirst, .newestFirst] {
            let found = try seqs(reader) {
                $0.above = 5
                $0.below = 9
                $0.order = order
            }
            #expect(found.sorted() == [6, 7, 8])
        }
    }

    /// The newest start or change of lists lies behind however many calls: it is found without a look at these.
    @Test(
        arguments: [
            ([.service], true), ([.policy], true), ([.policy, .service], true), ([.service, .access], false),
            ([], false),
        ] as [(Set<EntryKind>, Bool)])
    func theGatesOwnEntriesAreFoundByTheirIndex(kinds: Set<EntryKind>, usesIndex: Bool) throws {
        let directory = try TemporaryDirectory("query")
        let start = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
        let change = Attempt(kind: .policy, channel: nil, verdict: .accepted, reason: .changed)
        let call = try attempt()
        let attempts = [start, call, change, call, start, call]
        let reader = try reader(attempts, directory)
        var query = LedgerQuery()
        (query.kinds, query.order) = (kinds, .newestFirst)
        let found = attempts.indices.filter { kinds.isEmpty || kinds.contains(attempts[$0].kind) }
        #expect(try reader.entries(query).map(\.seq) == found.reversed().map(Int64.init))
        let plan = try DatabaseQueue(path: directory.file("l")).read { db in
            let sql = try SQL(query, db)
            return try Row.fetchAll(
                db, sql: "EXPLAIN QUERY PLAN \(sql.text)", arguments: sql.arguments(of: nil, limit: 1)
            ).map { $0["detail"] as String }
        }
        #expect(plan.contains { $0.contains("USING INDEX entries_gate") } == usesIndex, "\(plan)")
        #expect(!plan.contains { $0.contains("TEMP B-TREE") }, "\(plan)")
    }
}
