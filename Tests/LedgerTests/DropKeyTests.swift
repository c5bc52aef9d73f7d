// Drops are found by their keys whatever became of the index meanwhile: merged, read again, taken back, damaged.
import Admission
import Foundation
import GRDB
import Support
import Testing

@testable import Ledger

@Suite struct DropKeyTests {
    private static let small = DropKeyIndex.Sizes(
        tail: 20, fan: 4, topLevel: 3, stepKeys: 300, stepDrops: 5, filterBytes: 1 << 20)

    private struct Abort: Error {}

    /// An index beside the rows of its drops, and what it must give.
    private struct Model {
        let database: DatabaseQueue
        let sizes: DropKeyIndex.Sizes
        var index: DropKeyIndex
        var known: [Int64: [Int64]] = [:]
        var next: Int64 = 0
        var random: SplitMix

        init(_ sizes: DropKeyIndex.Sizes, seed: UInt64) throws {
            self.sizes = sizes
            random = SplitMix(seed: seed)
            database = try DatabaseQueue()
            try database.write { try $0.execute(sql: Schema.dropStatements) }
            index = try database.read { try DropKeyIndex($0, sizes: sizes) }
        }

        mutating func reopen() throws {
            index = try database.read { [sizes] in try DropKeyIndex($0, sizes: sizes) }
        }

        /// Key `number` of a few thousand, spread as digests are, or all of them with one beginning.
        private func key(_ number: UInt64, isCrowded: Bool) -> [UInt8] {
            let hash = isCrowded ? 5 << 40 | number : number &* 0x9E37_79B9_7F4A_7C15
            return (0..<8).reversed().map { UInt8(truncatingIfNeeded: hash >> (8 * $0)) } + [1, 2, 3]
        }

        mutating func commit(_ drops: Int, isCrowded: Bool = false, fails: Bool = false) throws {
            let before = index.mark
            var added: [(seq: Int64, hashes: [Int64])] = []
            do {
                var change: DropKeyIndex.Change?
                try database.write { db in
                    change = try index.upkeep(db)
                    for offset in 0..<drops {
                        let seq = next + Int64(3 * offset)
                        let (id, repeatKey) = ("d\(seq)", key(random.next() % 3000, isCrowded: isCrowded))
                        let eventKey =
                            random.next() % 2 == 0 ? key(random.next() % 100, isCrowded: isCrowded) : nil
                        try db.execute(
                            sql: """
                                INSERT INTO drops (seq, id, state, repeat_key, event_key, ready, received)
                                VALUES (?, ?, 0, ?, ?, '', 0)
                                """, arguments: [seq, id, Data(repeatKey), eventKey.map { Data($0) }])
                        added.append((seq, DropKeys.hashes(id: id, repeatKey: repeatKey, eventKey: eventKey)))
                        index.add(seq, added[offset].hashes)
                    }
                    if fails { throw Abort() }
                }
                if let change { index.apply(change) }
                for (seq, hashes) in added { for hash in hashes { known[hash, default: []].append(seq) } }
                next += Int64(3 * drops)
            } catch is Abort {
                index.goBack(to: before)
            }
        }

        /// The first and the last are always there, and none that should not be.
        func check(_ place: SourceLocation = #_sourceLocation) throws {
            try database.read { db in
                for (hash, seqs) in known {
                    let found = try index.seqs(hash, db)
                    let all = Set(seqs).sorted()
                    #expect(found.first == all.first && found.last == all.last, sourceLocation: place)
                    #expect(Set(found).isSubset(of: all), sourceLocation: place)
                    if all.count <= 16 { #expect(Set(found).sorted() == all, sourceLocation: place) }
                }
                for number in 0..<200 {
                    #expect(try index.seqs(DropKeyHash.of(id: "nobody\(number)"), db) == [])
                }
            }
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64], [false, true])
    func everyKeyIsFoundWhileRunsAreMerged(seed: UInt64, isCrowded: Bool) throws {
        var model = try Model(Self.small, seed: seed)
        for round in 0..<400 {
            try model.commit(
                Int(model.random.next() % 12), isCrowded: isCrowded, fails: model.random.next() % 5 == 0)
            if round % 100 == 50 { try model.check() }
            if model.random.next() % 40 == 0 { try model.reopen() }
        }
        try model.check()
        let levels = try model.database.read { try Set(DropKeyTable.runs($0).map(\.run.level)) }
        #expect(levels.contains(2), "\(levels)")
    }

    @Test func withoutRoomForFiltersEveryKeyIsFoundAllTheSame() throws {
        var sizes = Self.small
        sizes.filterBytes = 200
        var model = try Model(sizes, seed: 4)
        for _ in 0..<300 { try model.commit(5) }
        try model.check()
        try model.reopen()
        for _ in 0..<20 { try model.commit(1) }
        try model.check()
    }

    @Test func aDamagedFilterIsNotBelieved() throws {
        var model = try Model(Self.small, seed: 5)
        for _ in 0..<100 { try model.commit(5) }
        try model.database.write { try $0.execute(sql: "UPDATE drop_key_runs SET filter = x'00'") }
        try model.reopen()
        for _ in 0..<20 { try model.commit(1) }
        try model.check()
    }

    @Test func whatIsMergedLeavesNothingBehind() throws {
        var model = try Model(Self.small, seed: 6)
        for _ in 0..<500 { try model.commit(5) }
        try model.database.read { db in
            let runs = try Set(DropKeyTable.runs(db).map(\.run.number))
            let blocks = try Set(
                Int64.fetchAll(db, sql: "SELECT id FROM drop_keys").map(DropKeyBlock.run(ofID:)))
            #expect(blocks.isSubset(of: runs))
            #expect(runs.count < 20, "\(runs.count) runs of \(model.next / 3) drops")
        }
    }

    @Test func keysOfAnEarlierLedgerAreIndexedAtOnce() throws {
        var model = try Model(Self.small, seed: 7)
        for _ in 0..<100 { try model.commit(7) }
        try model.database.write { db in
            try db.execute(sql: "DELETE FROM drop_keys; DELETE FROM drop_key_runs")
            try DropKeys.build(db, sizes: Self.small)
        }
        try model.reopen()
        try model.check()
    }

    @Test func ofAKeyThatComesAgainAndAgainTheFirstAndTheLastFewAreKept() {
        var keys =
            (0..<100).map { DropKey(hash: 7, seq: $0) } + [
                DropKey(hash: 9, seq: 1), DropKey(hash: 3, seq: 2),
            ]
        keys.sortAndThin()
        #expect(keys.map(\.seq) == [2] + (0..<8) + (92..<100) + [1])
    }

    @Test func aFilterHoldsWhatWasAddedAndLittleElse() throws {
        var random = SplitMix(seed: 8)
        let hashes = (0..<20_000).map { _ in Int64(random.next() >> 1) }
        var filter = DropKeyFilter(keys: hashes.count)
        for hash in hashes { filter.add(hash) }
        #expect(hashes.allSatisfy(filter.mayHold))
        let others = (0..<100_000).filter { _ in filter.mayHold(Int64(random.next() >> 1)) }.count
        #expect(others < 1500, "\(others) of 100,000")
        #expect(DropKeyFilter(bytes: filter.data, keys: hashes.count) == filter)
        #expect(DropKeyFilter(bytes: filter.data, keys: 1) == nil)
    }
}

/// Two drops whose keys have one hash are told apart by their rows.
@Suite struct DropKeyCollisionTests {
    @Test func aDropWithTheSameHashIsNoRepeat() throws {
        let directory = try TemporaryDirectory("collision")
        let store = try LedgerHandle(file: directory.file("l")).open(node: "t")
        func receive(_ id: String, _ last: UInt8, window: Duration? = nil, event: UInt8? = nil) throws
            -> AppendedEntry
        {
            let beginning = [UInt8](repeating: 7, count: 31)
            let attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
            let drop = DropRegistration(
                id: id, content: .body([1]), repeatKey: beginning + [last],
                eventKey: event.map { beginning + [$0] },
                keepsRepeats: false, repeatsWithin: window, readyPath: { _ in "webhook/\(id)" })
            let outcome = try store.commit([.append(attempt, drop: drop)], now: .now())
            guard case .appended(let entry)? = outcome.first else {
                throw LedgerError(.unreadable, "no entry")
            }
            return entry
        }
        #expect(try receive("a", 1).repeats == nil)
        #expect(try receive("b", 2).repeats == nil)
        #expect(try receive("c", 3, window: .seconds(60)).repeats == nil)
        #expect(try receive("d", 2).repeats == "b")
        #expect(try receive("e", 1, window: .seconds(60)).repeats == "a")
        #expect(try receive("f", 4, event: 200).sameEvent == nil)
        #expect(try receive("g", 5, event: 200).sameEvent == "f")
        #expect(try receive("h", 5, event: 201).repeats == "g", "the whole key is compared")
    }
}
