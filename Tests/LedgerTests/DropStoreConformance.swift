// What every ledger store must do for drops after they are accepted, whatever keeps it: renamed, withdrawn, released, taken,
// lost, forgotten. And for its segments.
import Admission
import Files
import Foundation
import JSON
import Ledger
import Support
import Testing

@Suite struct DropStoreConformance {
    private let directory: TemporaryDirectory
    private static let later = Instant(microseconds: 5000)

    init() throws { directory = try TemporaryDirectory("drops") }

    /// A store with these uploads, whose paths are `sftp/<id>`.
    private func store(_ maker: StoreMaker, _ ids: String...) throws -> any LedgerStore {
        let store = try maker.open(directory)
        for (number, id) in ids.enumerated() {
            _ = try store.commit(
                [uploadOperation(id, key: UInt8(number + 1))], now: Instant(microseconds: 1000))
        }
        return store
    }

    @discardableResult
    private func carryOut(
        _ operation: LedgerOperation, _ store: any LedgerStore, at time: Int64 = 5000
    ) throws -> Bool {
        switch try store.commit([operation], now: Instant(microseconds: time))[0] {
        case .changed(let changed): changed
        case .released(let events, let uploads): events + uploads > 0
        case .appended, .together: true
        case .checkpointed: false
        }
    }

    private func lost(_ id: String) -> LedgerOperation {
        .change(
            Attempt(kind: .transfer, channel: .sftp, verdict: .rejected, reason: .incomplete),
            DropChange(id: id, from: .pending, kind: .lost))
    }

    private func release(_ id: String, _ store: any LedgerStore, at time: Int64 = 5000) throws {
        try carryOut(.released([(id, "sftp/\(id)")], at: Instant(microseconds: time)), store)
    }

    private func change(_ id: String, from: DropState, _ kind: DropChange.Kind) -> LedgerOperation {
        let attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed)
        return .change(attempt, DropChange(id: id, from: from, kind: kind))
    }

    private func renamed(_ name: String) -> DropChange.Kind {
        .renamed(name: name, readyPath: "sftp/\(name)", incoming: "incoming/\(name)", due: Self.later)
    }

    /// What patients are told of is not to stay in free pages of a file.
    @Test(arguments: StoreMaker.all)
    func nothingOfAReleasedBodyIsLeftInTheFilesOfAClosedStore(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        // Some share a page, some have pages of their own.
        let numbers = 1...150
        for number in numbers {
            let body = "patient-\(number) " + String(repeating: "P", count: number * 60)
            _ = try store.commit(
                [webhookOperation("\(number)", key: UInt8(number), body: body)],
                now: Instant(microseconds: Int64(number)))
        }
        func holdsBodies() throws -> Bool {
            try directory.files(under: "").contains {
                try Data(contentsOf: URL(filePath: directory.file($0))).range(of: Data("patient-".utf8))
                    != nil
            }
        }
        #expect(try holdsBodies())
        for number in numbers { try release("\(number)", store) }
        store.close()
        #expect(try !holdsBodies())
    }

    @Test(arguments: StoreMaker.all)
    func aRenamedDropIsPendingAgainUnderItsNewName(maker: StoreMaker) throws {
        let store = try store(maker, "a")
        try release("a", store)
        #expect(try carryOut(change("a", from: .released, renamed("b")), store))
        let record = try #require(try store.drop(id: "a"))
        #expect(record.state == .pending && record.released == nil && record.due == Self.later)
        #expect(
            [record.name, record.readyPath, record.incoming] == ["b", "sftp/b", "incoming/b"])
        #expect(try store.size() == 2, "the change has an entry")
    }

    @Test(arguments: StoreMaker.all)
    func aChangeFromAnotherStateChangesNothingAndHasNoEntry(maker: StoreMaker) throws {
        let store = try store(maker, "a")
        let before = try store.drop(id: "a")
        #expect(try !carryOut(change("a", from: .released, renamed("b")), store))
        #expect(try !carryOut(change("a", from: .released, .withdrawn(incoming: "x")), store))
        #expect(try !carryOut(change("nobody", from: .pending, renamed("b")), store))
        #expect(try store.drop(id: "a") == before)
        #expect(try store.size() == 1)
    }

    @Test(arguments: StoreMaker.all)
    func whatIsCarriedOutTogetherIsDoneWholeOrNotAtAll(maker: StoreMaker) throws {
        let store = try store(maker, "a", "b", "c")
        let together = LedgerOperation.together([
            change("a", from: .pending, .withdrawn(incoming: "incoming/q")),
            change("b", from: .released, renamed("a")),
        ])
        #expect(try !carryOut(together, store), "b is not released")
        #expect(try store.drop(id: "a")?.state == .pending && store.size() == 3)
        try release("b", store)
        let outcome = try store.commit([together], now: Self.later)[0]
        guard case .together(let entries) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(entries.map(\.seq) == [3, 4] && entries[0].time < entries[1].time)
        #expect(try store.drop(id: "a")?.state == .withdrawn)
        #expect(try store.drop(id: "b")?.state == .pending && store.drop(id: "b")?.name == "a")
        #expect(try store.drop(id: "c")?.state == .pending && store.size() == 5)
    }

    @Test(arguments: StoreMaker.all)
    func aWithdrawnDropIsListedUntilItsBytesAreInQuarantine(maker: StoreMaker) throws {
        let store = try store(maker, "a", "b")
        #expect(try carryOut(change("a", from: .pending, .withdrawn(incoming: "incoming/q")), store))
        let withdrawn = try store.withdrawnDrops()
        #expect(withdrawn.map(\.record.id) == ["a"] && withdrawn.map(\.record.incoming) == ["incoming/q"])
        #expect(
            try JSONValue(parsing: withdrawn[0].entry)["seq"]?.int == 0, "with the entry that accepted it")
        #expect(try carryOut(.quarantined(id: "a"), store))
        #expect(try store.withdrawnDrops().isEmpty)
        #expect(try store.drop(id: "a")?.state == .withdrawn)
        #expect(try !carryOut(.quarantined(id: "b"), store), "b was not withdrawn")
    }

    @Test(arguments: StoreMaker.all)
    func aHeldDropIsPendingUntilItIsLetGo(maker: StoreMaker) throws {
        let store = try store(maker, "free")
        let held = DropRegistration(
            id: "held", content: .incoming("incoming/held"), repeatKey: Array(repeating: 9, count: 32),
            eventKey: nil, keepsRepeats: true, settle: DropRegistration.held, readyPath: { _ in "sftp/held" })
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .pulled)
        attempt.drop = DropFacts(id: "held", name: "", bytes: 1, sha256: "00")
        try carryOut(.append(attempt, drop: held), store)
        #expect(try store.drop(id: "held")?.isHeld == true && store.drop(id: "free")?.isHeld == false)
        #expect(try store.pendingUploads(after: -1, limit: 9).map(\.record.id) == ["free", "held"])
        #expect(try !carryOut(.letGo(id: "free"), store) && !carryOut(.letGo(id: "nobody"), store))
        #expect(try carryOut(.letGo(id: "held"), store) && !carryOut(.letGo(id: "held"), store))
        let record = try #require(try store.drop(id: "held"))
        #expect(record.state == .pending && record.due == nil && !record.isHeld)
    }

    @Test(arguments: StoreMaker.all)
    func aWithdrawnDropMayComeAgain(maker: StoreMaker) throws {
        let store = try store(maker, "a")
        let withdrawn = DropChange.Kind.withdrawn(incoming: "incoming/q", mayComeAgain: true)
        #expect(try carryOut(change("a", from: .pending, withdrawn), store))
        #expect(try carryOut(.quarantined(id: "a"), store))
        #expect(try store.drop(id: "a")?.due == DropRecord.never && store.drop(id: "a")?.isHeld == false)
        #expect(try carryOut(change("a", from: .withdrawn, renamed("b")), store))
        let record = try #require(try store.drop(id: "a"))
        #expect(record.state == .pending && record.name == "b" && record.incoming == "incoming/b")
        #expect(try store.withdrawnDrops().isEmpty)
    }

    @Test(arguments: StoreMaker.all)
    func aTimeThatComesLaterIsKept(maker: StoreMaker) throws {
        let store = try store(maker, "a")
        #expect(try carryOut(.dated(id: "a", modified: 77), store))
        #expect(try store.drop(id: "a")?.modified == 77)
        #expect(try !carryOut(.dated(id: "nobody", modified: 77), store))
    }

    @Test(arguments: StoreMaker.all)
    func onlyAPendingDropIsLost(maker: StoreMaker) throws {
        let store = try store(maker, "a", "b")
        try release("b", store)
        #expect(try carryOut(lost("a"), store))
        #expect(try !carryOut(lost("b"), store))
        #expect(try store.pendingDrops(after: -1, limit: 9).isEmpty)
    }

    @Test(arguments: StoreMaker.all)
    func onlyWhatWasReleasedIsForgotten(maker: StoreMaker) throws {
        let store = try store(maker, "a", "b", "c")
        try release("a", store)
        try release("b", store)
        try carryOut(.acknowledge(id: "b", at: Self.later), store)
        let outcomes = try ["a", "b", "c"].map { try carryOut(.forgotten(id: $0), store) }
        #expect(outcomes == [true, true, false])
        #expect(try store.drop(id: "a")?.state == .forgotten)
    }

    @Test(arguments: StoreMaker.all)
    func anAcknowledgementAndItsEntryAreWrittenTogetherOrNotAtAll(maker: StoreMaker) throws {
        let store = try store(maker, "a")
        let acknowledged = change("a", from: .released, .acknowledged(at: Self.later))
        #expect(try !carryOut(acknowledged, store), "it is not released yet")
        try release("a", store)
        #expect(try carryOut(acknowledged, store))
        let record = try store.drop(id: "a")
        #expect(record?.state == .acknowledged && record?.acknowledged == Self.later)
        #expect(try !carryOut(acknowledged, store), "a second time")
        #expect(try store.size() == 2)
    }

    @Test(arguments: StoreMaker.all)
    func whatIsFoundGoneIsTakenUntilItIsThereAgainOrAcknowledged(maker: StoreMaker) throws {
        let store = try store(maker, "a", "b", "c")
        for id in ["a", "b"] { try release(id, store) }
        let all = ["a", "b", "c"].map { (id: $0, readyPath: "sftp/\($0)") }
        #expect(try carryOut(.taken(all, at: Instant(microseconds: 7000)), store))
        let states = try ["a", "b", "c"].map { try store.drop(id: $0)?.state }
        #expect(states == [.taken, .taken, .pending], "what was not released is not taken")
        #expect(try store.drop(id: "a")?.taken == Instant(microseconds: 7000))
        func taken(before time: Int64) throws -> [String] {
            try store.drops(.taken, before: Instant(microseconds: time), after: nil, limit: 9).map(\.id)
        }
        #expect(try taken(before: 7000) == [] && taken(before: 7001) == ["a", "b"])
        #expect(try store.newestDrops(in: .taken, limit: 9).map(\.id) == ["b", "a"])
        #expect(try store.newestDrops(in: .taken, limit: 1).map(\.id) == ["b"])
        #expect(try !carryOut(.returned([("a", "sftp/elsewhere")]), store), "it lies somewhere else now")
        #expect(try carryOut(.returned([("a", "sftp/a")]), store))
        #expect(try store.drop(id: "a")?.state == .released && store.drop(id: "a")?.taken == nil)
        #expect(try carryOut(.acknowledge(id: "b", at: Self.later), store), "its consumer is done with it")
        #expect(try store.drop(id: "b")?.state == .acknowledged)
        #expect(try !carryOut(.taken([("b", "sftp/b")], at: Self.later), store), "it is done")
        #expect(try store.size() == 3, "what the gate finds in staging has no entry")
    }

    @Test(arguments: StoreMaker.all)
    func aTakenDropIsForgotten(maker: StoreMaker) throws {
        let store = try store(maker, "a")
        try release("a", store)
        try carryOut(.taken([("a", "sftp/a")], at: Self.later), store)
        #expect(try carryOut(.forgotten(id: "a"), store))
    }

    @Test(arguments: StoreMaker.all)
    func dropsAreListedByTheirState(maker: StoreMaker) throws {
        let store = try store(maker, "a", "b", "c")
        try release("a", store)
        try release("b", store)
        func released(after seq: Int64 = -1, limit: Int = 9) throws -> [String] {
            try store.drops(in: .released, after: seq, limit: limit).map(\.id)
        }
        #expect(try released() == ["a", "b"])
        #expect(try released(after: 0) == ["b"])
        #expect(try released(limit: 1) == ["a"])
        #expect(try store.drops(in: .pending, after: -1, limit: 9).map(\.id) == ["c"])
    }

    /// Lists of old receipts cost what they give: by the time at which each came to its state.
    @Test(arguments: StoreMaker.all, DropEnd.allCases)
    func dropsAreListedByTheTimeAtWhichTheyCameToTheirState(maker: StoreMaker, end: DropEnd) throws {
        let store = try store(maker, "a", "b", "c", "d", "e")
        for (id, time) in [("b", 2000), ("a", 3000), ("d", 3000), ("c", 4000)] as [(String, Int64)] {
            try release(id, store)
            let instant = Instant(microseconds: time)
            let operation =
                switch end {
                case .acknowledged: LedgerOperation.acknowledge(id: id, at: instant)
                case .taken: LedgerOperation.taken([(id, "sftp/\(id)")], at: instant)
                }
            #expect(try carryOut(operation, store))
        }
        func drops(before time: Int64, after id: String? = nil, limit: Int = 9) throws -> [String] {
            try store.drops(
                end, before: Instant(microseconds: time), after: id.flatMap { try store.drop(id: $0) },
                limit: limit
            ).map(\.id)
        }
        #expect(try drops(before: 2000) == [])
        #expect(try drops(before: 4000) == ["b", "a", "d"])
        #expect(try drops(before: 9000) == ["b", "a", "d", "c"])
        #expect(try drops(before: 9000, after: "a") == ["d", "c"])
        #expect(try drops(before: 9000, after: "b", limit: 1) == ["a"])
    }

    /// Events and uploads between entries of others; some of them are released, each to its path, to a directory, or all to one
    /// file.
    @Test(arguments: StoreMaker.all, [1, 2, 3, 4] as [UInt64])
    func aReleaseOfManyDropsIsTheOneOfEachOfThem(maker: StoreMaker, seed: UInt64) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        var random = SplitMix(seed: seed)
        let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        var operations: [LedgerOperation] = []
        var drops: [(id: String, isEvent: Bool)] = []
        for number in 0..<UInt8(200) {
            let id = "d\(number)"
            switch random.next() % 5 {
            case 0: operations.append(.append(rejection, drop: nil))
            case 1:
                operations.append(uploadOperation(id, key: number))
                drops.append((id, false))
            default:
                operations.append(webhookOperation(id, key: number))
                drops.append((id, true))
            }
        }
        if seed == 4 {
            operations.insert(
                contentsOf: Array(repeating: .append(rejection, drop: nil), count: 1500), at: 100)
        }
        _ = try store.commit(operations, now: Self.later)
        if let upload = drops.first(where: { !$0.isEvent }) { try carryOut(lost(upload.id), store) }
        var expected: [String: DropRecord] = [:]
        for drop in drops { expected[drop.id] = try store.drop(id: drop.id) }
        for time in 6000..<6004 as Range<Int64> {
            var released: [(id: String, readyPath: String)] = [("nobody", "webhook/x")]
            for drop in drops where random.next() % 4 > 0 {
                let own = try #require(expected[drop.id]).readyPath
                let place =
                    switch drop.isEvent ? random.next() % 8 : 7 {
                    case 0, 1: "webhook/\(time).ndjson"
                    case 2, 3, 4: "webhook/\(time % 2)é/\(Paths.lastComponent(of: own))"
                    default: own
                    }
                released.append((drop.id, place))
            }
            if seed == 2 { released.shuffle(using: &random) }
            released += released.prefix(3)
            _ = try store.commit([.released(released, at: Instant(microseconds: time))], now: Self.later)
            for drop in released where expected[drop.id]?.state == .pending {
                expected[drop.id]?.state = .released
                expected[drop.id]?.readyPath = drop.readyPath
                expected[drop.id]?.released = Instant(microseconds: time)
            }
        }
        let waiting = try store.pendingDrops(after: -1, limit: 999)
        for (id, isEvent) in drops {
            let record = try #require(expected[id])
            #expect(try store.drop(id: id) == record)
            #expect(try (reader.body(seq: record.seq) != nil) == (isEvent && record.state == .pending))
            #expect(waiting.contains { $0.record.id == id } == (record.state == .pending))
        }
    }

    @Test(arguments: StoreMaker.all)
    func aReleaseTellsHowManyWereStillPending(maker: StoreMaker) throws {
        let store = try store(maker, "u", "v")
        for number in 0..<UInt8(4) {
            _ = try store.commit([webhookOperation("e\(number)", key: number + 9)], now: Self.later)
        }
        func release(_ ids: String...) throws -> [Int] {
            let drops = ids.map { (id: $0, readyPath: "webhook/x/\($0)") }
            guard
                case .released(let events, let uploads) = try store.commit(
                    [.released(drops, at: Self.later)], now: Self.later)[0]
            else { return [] }
            return [events, uploads]
        }
        #expect(try release("e1", "e2", "u") == [2, 1])
        #expect(try store.pendingEvents() == 2)
        #expect(try release("e0", "e1", "e2", "e3", "u", "v", "nobody") == [2, 1])
        #expect(try release("e0", "v") == [0, 0] && release() == [0, 0])
        #expect(try store.pendingEvents() == 0)
    }

    @Test(arguments: StoreMaker.all)
    func ofOnePathTheNewestUploadIsToldWaitingOnesFirst(maker: StoreMaker) throws {
        let store = try store(maker, "a", "b", "c")
        // In turn all three lay at one path.
        for id in ["a", "b"] {
            try carryOut(.released([(id, "sftp/x")], at: Instant(microseconds: 2000)), store)
        }
        #expect(try store.newestUpload(readyPath: "sftp/x")?.id == "b", "released later, by the same clock")
        try carryOut(
            change(
                "c", from: .pending, .renamed(name: "x", readyPath: "sftp/x", incoming: "i", due: Self.later)),
            store)
        #expect(try store.newestUpload(readyPath: "sftp/x")?.id == "c")
        #expect(try store.newestUpload(readyPath: "sftp/nobody") == nil)
        let newest = try store.newestUploads(readyPaths: ["sftp/x", "sftp/nobody"])
        #expect(newest.map(\.record.id) == ["c"])
        let entry = try #require(newest[0].entry)
        #expect(try JSONValue(parsing: entry)["seq"]?.int == 2)
        #expect(try store.entry(seq: 2) == entry && store.entry(seq: 99) == nil)
    }

    @Test(arguments: StoreMaker.all)
    func sealedEntriesGoStepByStepAndTheTreeStays(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        // Segments are of whole tiles (`MerkleTile`), of 256 entries.
        for _ in 0..<300 { _ = try store.commit([.append(rejection, drop: nil)], now: Self.later) }
        let root = try store.root(size: 300)
        let segment = LedgerSegment(
            number: 0, first: 0, last: 255, firstTime: Self.later, lastTime: Self.later,
            sha256: [UInt8](repeating: 7, count: 32), bytes: 100)
        #expect(try carryOut(.sealed(segment), store))
        #expect(throws: (any Error).self) { try carryOut(.sealed(segment), store) }
        let cleared = try (0..<3).map { _ in try carryOut(.clearSealed(below: 256, limit: 200), store) }
        #expect(cleared == [true, true, false])
        #expect(try store.root(size: 300) == root && store.size() == 300)
        #expect(try carryOut(.segmentRemoved(segment), store) && store.size() == 301)
        #expect(
            try !carryOut(.segmentRemoved(segment), store) && store.size() == 301,
            "it is removed once, and has one entry of that")
    }

    @Test(arguments: StoreMaker.all)
    func aWitnessGoesForward(maker: StoreMaker) throws {
        let store = try store(maker, "a")
        for size in [5, 3] as [Int64] {
            #expect(try carryOut(.witnessed(name: "w", size: size, at: Self.later), store))
        }
    }

    @Test(arguments: StoreMaker.all)
    func aCommitThatFailsLeavesNothingOfItself(maker: StoreMaker) throws {
        let store = try store(maker, "a")
        let segment = LedgerSegment(
            number: 0, first: 0, last: 0, firstTime: Self.later, lastTime: Self.later, sha256: [7], bytes: 1)
        try carryOut(.sealed(segment), store)
        let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        #expect(throws: (any Error).self) {
            _ = try store.commit(
                [.append(rejection, drop: nil), lost("a"), .sealed(segment)], now: Self.later)
        }
        #expect(try store.size() == 1)
        #expect(try store.drop(id: "a")?.state == .pending)
        #expect(try store.commit([.append(rejection, drop: nil)], now: Self.later).count == 1)
        #expect(try store.size() == 2)
    }
}
