// What every ledger store must do, whatever keeps it. A new store joins by one line in `stores`.
import Admission
import JSON
import Ledger
import Support
import Testing

/// Makes a ledger in a directory; opening twice in turn gives the same one.
struct StoreMaker: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let open: @Sendable (TemporaryDirectory) throws -> any LedgerStore
    let reader: @Sendable (TemporaryDirectory) throws -> any LedgerReading
    let sealing: @Sendable (TemporaryDirectory) throws -> any LedgerSealing

    static let all = [
        StoreMaker(
            testDescription: "SQLite", open: { try sqlite($0).open(node: "t") },
            reader: { try sqlite($0).reader() }, sealing: { try sqlite($0).sealing() })
    ]

    private static func sqlite(_ directory: TemporaryDirectory) -> LedgerHandle {
        LedgerHandle(file: directory.file("ledger.sqlite"))
    }
}

private let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)

/// - Parameter received: where that was before the entry.
func webhookOperation(
    _ id: String, key: UInt8, event: UInt8? = nil, body: String = "b", within: Duration? = nil,
    received: Instant? = nil
) -> LedgerOperation {
    var attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
    attempt.drop = DropFacts(id: id, name: "", bytes: Int64(body.utf8.count), sha256: "00")
    attempt.drop?.received = received
    return .append(
        attempt,
        drop: DropRegistration(
            id: id, content: .body(Array(body.utf8)), repeatKey: Array(repeating: key, count: 32),
            eventKey: event.map { Array(repeating: $0, count: 32) }, keepsRepeats: false,
            repeatsWithin: within, readyPath: { "webhook/\($0.microseconds)" }))
}

/// - Parameter content: of an upload that the store keeps.
func uploadOperation(_ id: String, key: UInt8, content: String? = nil) -> LedgerOperation {
    var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed)
    attempt.drop = DropFacts(id: id, name: "", bytes: 1, sha256: "00")
    return .append(
        attempt,
        drop: DropRegistration(
            id: id,
            content: content.map { .upload(Array($0.utf8), incoming: "incoming/\(id)") }
                ?? .incoming("incoming/\(id)"), repeatKey: Array(repeating: key, count: 32),
            eventKey: nil, keepsRepeats: true, readyPath: { _ in "sftp/\(id)" }))
}

@Suite struct LedgerStoreConformance {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("store") }

    private func commit(_ store: any LedgerStore, _ operations: [LedgerOperation], at time: Int64 = 1000)
        throws
        -> [AppendedEntry]
    {
        try store.commit(operations, now: Instant(microseconds: time)).compactMap {
            if case .appended(let entry) = $0 { entry } else { nil }
        }
    }

    @Test(arguments: StoreMaker.all)
    func numbersEntriesFromZeroWithoutGapsAcrossReopening(maker: StoreMaker) throws {
        do {
            let store = try maker.open(directory)
            #expect(
                try commit(store, [.append(rejection, drop: nil), .append(rejection, drop: nil)]).map(\.seq)
                    == [0, 1])
        }
        #expect(try commit(maker.open(directory), [.append(rejection, drop: nil)]).map(\.seq) == [2])
    }

    @Test(arguments: StoreMaker.all)
    func timesRiseStrictlyEvenWhenTheClockGoesBack(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let first = try commit(
            store, [.append(rejection, drop: nil), .append(rejection, drop: nil)], at: 5000)
        let second = try commit(store, [.append(rejection, drop: nil)], at: 10)
        #expect((first + second).map(\.time.microseconds) == [5000, 5001, 5002])
    }

    @Test(arguments: StoreMaker.all)
    func aRepeatedWebhookGetsAnEntryAndNoSecondDrop(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let entries = try commit(store, [webhookOperation("a", key: 1), webhookOperation("b", key: 1)])
        #expect(entries[0].drop?.id == "a" && entries[0].repeats == nil)
        #expect(entries[1].drop == nil && entries[1].repeats == "a")
        #expect(try store.pendingDrops(after: -1, limit: 10).map(\.record.id) == ["a"])
    }

    @Test(arguments: StoreMaker.all)
    func aRepeatThatComesAfterItsWindowIsADropOfItsOwn(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let times: [Int64] = [0, 9_000_000, 10_000_001, 15_000_000, 30_000_000]
        let drops = try times.enumerated().flatMap { number, time in
            try commit(
                store, [webhookOperation("d\(number)", key: 1, within: .seconds(10))],
                at: 1_000_000_000 + time)
        }
        #expect(drops.map(\.drop?.id) == ["d0", nil, "d2", nil, "d4"])
        #expect(drops.map(\.repeats) == [nil, "d0", nil, "d2", nil])
    }

    @Test(arguments: StoreMaker.all)
    func theWindowOfRepeatsGoesByTheTimesOfEntries(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let start: Int64 = 1_000_000_000
        func receive(_ id: String, key: UInt8, at seconds: Int64, heldSince: Int64? = nil) throws -> String? {
            try commit(
                store,
                [
                    webhookOperation(
                        id, key: key, within: .seconds(10),
                        received: heldSince.map { Instant(microseconds: start + $0 * 1_000_000) })
                ], at: start + seconds * 1_000_000)[0].repeats
        }
        #expect(try receive("a", key: 1, at: 1000, heldSince: 5) == nil)
        #expect(try receive("b", key: 1, at: 1009) == "a", "it was held for longer than the window")
        #expect(try receive("c", key: 2, at: 20, heldSince: 20) == nil, "the clock was set back")
        #expect(try receive("d", key: 2, at: 21) == "c")
        #expect(try receive("e", key: 2, at: 1010) == nil, "by the clock that is 990 s later")
        #expect(try receive("f", key: 2, at: 1020) == nil, "the ledger's time is ten seconds later")
    }

    /// Else what comes again after days would be told as a repeat, and be nowhere.
    @Test(arguments: StoreMaker.all)
    func theWindowOfRepeatsPassesAlsoWhileTheClockIsBehindTheLedger(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        func receive(_ id: String, key: UInt8, at seconds: Int64) throws -> String? {
            try commit(
                store, [webhookOperation(id, key: key, within: .seconds(10))],
                at: 1_000_000_000 + seconds * 1_000_000)[0].repeats
        }
        #expect(try receive("a", key: 1, at: 1000) == nil)
        #expect(try receive("b", key: 2, at: 20) == nil, "the clock was set back")
        #expect(try receive("c", key: 2, at: 29) == "b")
        #expect(try receive("d", key: 2, at: 30) == nil, "ten seconds have passed")
        #expect(try receive("e", key: 2, at: 39) == "d")
        #expect(try receive("f", key: 1, at: 40) == nil, "of before the set-back, nobody knows how long ago")
        #expect(try receive("g", key: 1, at: 49) == "f")
        #expect(try receive("h", key: 3, at: 1010) == nil, "the clock is right again")
        #expect(
            try receive("i", key: 3, at: 1008) == "h",
            "set back a little: what comes again at once is a repeat")
        #expect(try receive("j", key: 3, at: 1021) == nil)
    }

    @Test(arguments: StoreMaker.all)
    func theWindowOfRepeatsReachesIntoSealedEntries(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let second: Int64 = 1_000_000
        _ = try commit(store, [webhookOperation("a", key: 1, received: Instant(microseconds: 0))], at: second)
        for _ in 0..<300 { _ = try commit(store, [.append(rejection, drop: nil)], at: second) }
        let segment = try maker.sealing(directory).writeSegment(0, 0..<256)
        _ = try store.commit(
            [.sealed(segment), .clearSealed(below: 256, limit: 300)], now: Instant(microseconds: second))
        func receive(_ id: String, at time: Int64) throws -> String? {
            try commit(store, [webhookOperation(id, key: 1, within: .seconds(1))], at: time)[0].repeats
        }
        #expect(try receive("b", at: 2 * second - 1) == "a")
        #expect(try receive("c", at: 3 * second) == nil)
    }

    @Test(arguments: StoreMaker.all)
    func theSameEventWithAnotherBodyIsKeptAndFlagged(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let entries = try commit(
            store, [webhookOperation("a", key: 1, event: 9), webhookOperation("b", key: 2, event: 9)])
        #expect(entries[1].drop?.id == "b" && entries[1].sameEvent == "a")
    }

    @Test(arguments: StoreMaker.all)
    func aRepeatedUploadIsKeptAndMarked(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let entries = try commit(store, [uploadOperation("a", key: 1), uploadOperation("b", key: 1)])
        #expect(entries[1].drop?.id == "b" && entries[1].repeats == "a")
    }

    @Test(arguments: StoreMaker.all)
    func aDropCommittedTwiceFailsNobody(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let entries = try commit(
            store,
            [uploadOperation("a", key: 1), uploadOperation("a", key: 2), webhookOperation("c", key: 3)])
        #expect(entries.map { $0.drop?.id } == ["a", nil, "c"])
    }

    @Test(arguments: StoreMaker.all)
    func pendingDropsCarryBodyAndEntryUntilTheyAreReleased(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        _ = try commit(
            store,
            [
                webhookOperation("a", key: 1, body: "hello"), uploadOperation("u", key: 2),
                webhookOperation("b", key: 3),
            ])
        let pending = try store.pendingDrops(after: -1, limit: 10)
        #expect(pending.map(\.record.id) == ["a", "u", "b"])
        #expect(try store.pendingUploads(after: -1, limit: 1).map(\.record.id) == ["u"])
        #expect(try store.pendingUploads(after: 1, limit: 10).isEmpty)
        #expect(pending[0].body == Array("hello".utf8) && pending[1].body == nil)
        #expect(pending[1].record.incoming == "incoming/u")
        #expect(
            try JSONValue(parsing: pending[0].entry)["drop"]?["name"]?.string == pending[0].record.readyPath)
        _ = try store.commit(
            [.released([("a", pending[0].record.readyPath)], at: Instant(microseconds: 9))],
            now: Instant(microseconds: 9))
        #expect(try store.pendingDrops(after: -1, limit: 10).map(\.record.id) == ["u", "b"])
        #expect(try store.pendingDrops(after: 1, limit: 10).map(\.record.id) == ["b"])
    }

    @Test(arguments: StoreMaker.all)
    func aSmallUploadIsKeptUntilItIsReleasedWithdrawnOrLost(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let (ids, time) = (["released", "renamed", "withdrawn", "lost"], Instant(microseconds: 9))
        _ = try commit(
            store,
            ids.enumerated().map { uploadOperation($1, key: UInt8($0), content: "patient") }
                + [webhookOperation("event", key: 9)])
        #expect(try store.pendingEvents() == 1)
        let pending = try store.pendingDrops(after: -1, limit: 10)
        // Whoever goes through what is pending releases events; uploads have their own time, and are asked for then.
        #expect(pending.map { $0.body != nil } == [false, false, false, false, true])
        #expect(pending[0].record.incoming == "incoming/released")
        #expect(try store.body(seq: 0) == Array("patient".utf8) && store.body(seq: 99) == nil)
        func change(_ id: String, _ kind: DropChange.Kind) -> LedgerOperation {
            .change(
                Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed),
                DropChange(id: id, from: .pending, kind: kind))
        }
        _ = try store.commit(
            [
                .released([("released", "sftp/released"), ("event", "webhook/x")], at: time),
                change("lost", .lost),
                change("withdrawn", .withdrawn(incoming: "incoming/withdrawn")),
                change(
                    "renamed",
                    .renamed(name: "b", readyPath: "sftp/b", incoming: "incoming/renamed", due: time)),
            ], now: time)
        #expect(try (0..<5).map { try store.body(seq: $0) != nil } == [false, true, false, false, false])
    }

    @Test(arguments: StoreMaker.all)
    func pendingDropsWithLargeBodiesComeFewAtATime(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let large = String(repeating: "x", count: LedgerLimits.pendingBytes / 2)
        for (number, body) in [large, "small", large, "small", large + large, large].enumerated() {
            _ = try commit(store, [webhookOperation("\(number)", key: UInt8(number), body: body)])
        }
        var pages: [[String]] = []
        var after: Int64 = -1
        while case let pending = try store.pendingDrops(after: after, limit: 10), let last = pending.last {
            pages.append(pending.map(\.record.id))
            after = last.record.seq
        }
        #expect(pages == [["0", "1", "2"], ["3", "4"], ["5"]])
    }

    @Test(arguments: StoreMaker.all)
    func onlyAReleasedDropIsAcknowledgedAndOnlyOnce(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let now = Instant(microseconds: 9)
        _ = try commit(store, [webhookOperation("a", key: 1)])
        func acknowledge() throws -> Bool? {
            if case .changed(let changed) = try store.commit([.acknowledge(id: "a", at: now)], now: now)[0] {
                changed
            } else {
                nil
            }
        }
        #expect(try acknowledge() == false)
        _ = try store.commit([.released([("a", "x")], at: now)], now: now)
        #expect(try acknowledge() == true)
        #expect(try acknowledge() == false)
        #expect(try store.drops(in: .acknowledged, after: -1, limit: 5).map(\.id) == ["a"])
    }
}

/// The tree of entries, whatever keeps them.
@Suite struct LedgerTreeConformance {
    let directory: TemporaryDirectory
    private let key: NoteSigner

    init() throws {
        directory = try TemporaryDirectory("store")
        key = try NoteSigner(name: "t/dropgate")
    }

    private func append(_ count: Int, to store: any LedgerStore) throws {
        _ = try store.commit(
            Array(repeating: .append(rejection, drop: nil), count: count), now: Instant(microseconds: 1000))
    }

    private func checkpoint(_ store: any LedgerStore) throws -> SignedCheckpoint? {
        guard case .checkpointed(let signed) = try store.commit([.checkpoint(key)], now: .now()).first else {
            return nil
        }
        return signed
    }

    @Test(arguments: StoreMaker.all)
    func theTreeGoesOnAcrossReopening(maker: StoreMaker) throws {
        var roots: [MerkleHash] = []
        for count in [1, 254, 1, 1, 300] {
            let store = try maker.open(directory)
            try append(count, to: store)
            roots.append(try store.root(size: store.size()))
            #expect(try checkpoint(store)?.checkpoint.root == roots.last)
        }
        let store = try maker.open(directory)
        #expect(try store.size() == 557)
        #expect(try [1, 255, 256, 257, 557].map(store.root(size:)) == roots)
    }

    @Test(arguments: StoreMaker.all)
    func aCheckpointNamesTheOneBeforeAndIsSignedAgainWhenIdle(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        #expect(try checkpoint(store) == nil, "nothing to sign")
        try append(3, to: store)
        let first = try #require(try checkpoint(store))
        #expect(first.checkpoint.size == 3 && first.checkpoint.previous == nil)
        #expect(first.note.isSigned(by: key.verifier))
        try append(2, to: store)
        #expect(try checkpoint(store)?.checkpoint.previous == 3)
        let again = try #require(try checkpoint(store))
        #expect(again.checkpoint.size == 5 && again.checkpoint.previous == 3)
    }

    @Test(arguments: StoreMaker.all)
    func aLedgerThatIsNotWhatWasSeenSignedIsToldApart(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        try append(5, to: store)
        let seen = try #require(try checkpoint(store)).checkpoint
        try store.require(extends: seen, keptBy: "a witness")
        var larger = seen
        larger.size = 6
        #expect { try store.require(extends: larger, keptBy: "w") } throws: {
            ($0 as? LedgerError)?.code == .rolledBack
        }
        var other = seen
        other.root = .empty
        #expect { try store.require(extends: other, keptBy: "w") } throws: {
            ($0 as? LedgerError)?.code == .forked
        }
    }
}
