// What every way to read a ledger must give, whatever keeps it: entries, drops, what was signed; and sealing's half of it.
import Admission
import JSON
import Ledger
import Support
import Testing

@Suite struct LedgerReadingConformance {
    private let directory: TemporaryDirectory
    private let key: NoteSigner

    init() throws {
        directory = try TemporaryDirectory("reading")
        key = try NoteSigner(name: "t/dropgate")
    }

    private static let attempt = Attempt(
        kind: .login, channel: .sftp, verdict: .rejected, reason: .authFailed)

    /// Commits each operation by itself, a second after the one before; the first at the epoch.
    @discardableResult
    private func commit(_ operations: [LedgerOperation], to store: any LedgerStore) throws
        -> [LedgerOutcome]
    {
        let start = try store.size()
        return try operations.enumerated().flatMap { index, operation in
            try store.commit(
                [operation], now: Instant(microseconds: (start + Int64(index)) * 1_000_000))
        }
    }

    private func append(_ count: Int, to store: any LedgerStore) throws {
        try commit(Array(repeating: .append(Self.attempt, drop: nil), count: count), to: store)
    }

    private func read(_ reader: any LedgerReading, _ range: Range<Int64>) throws -> [Int64] {
        var seqs: [Int64] = []
        try reader.forEachEntry(range) { (seq, json) throws in
            #expect(try JSONValue(parsing: json)["seq"]?.int == seq)
            seqs.append(seq)
        }
        return seqs
    }

    // MARK: Sources

    @Test func sourcesOfABlockAreGivenOnceEachTheNewestDaysFirst() throws {
        let store = try LedgerHandle(file: directory.file("ledger.sqlite")).open(node: "t")
        let day: Int64 = 86_400_000_000
        let calls: [(Int64, String)] = [
            (0, "10.0.0.9"), (day, "10.0.0.0"), (day + 1, "10.0.0.255"), (day + 2, "10.0.1.0"),
            (day + 3, "9.255.255.255"),
            (2 * day, "10.0.0.7"), (2 * day + 1, "10.0.0.255"), (2 * day + 2, "2001:db8::"),
            (2 * day + 3, "2001:db9::"),
        ]
        for (time, ip) in calls {
            var attempt = Self.attempt
            attempt.source = Endpoint(ip: try IPAddress(ip))
            for _ in 0..<2 {
                _ = try store.commit([.append(attempt, drop: nil)], now: Instant(microseconds: time))
            }
        }
        let reader = try LedgerHandle(file: directory.file("ledger.sqlite")).reader()
        func sources(_ blocks: [String], since: Int64 = day, limit: Int = 100) throws -> [String] {
            try reader.sources(
                in: blocks.map { try CIDRBlock($0) }, since: Instant(microseconds: since), limit: limit
            ).map(\.description)
        }
        #expect(try sources(["10.0.0.0/24"]) == ["10.0.0.7", "10.0.0.255", "10.0.0.0"])
        #expect(try sources(["10.0.0.0/24"], since: 0).last == "10.0.0.9")
        #expect(try sources(["10.0.0.0/24"], limit: 2) == ["10.0.0.7", "10.0.0.255"])
        #expect(try sources(["2001:db8::/32", "10.0.0.7"]) == ["2001:db8::", "10.0.0.7"])
        #expect(try sources(["10.0.0.0/24"], since: 3 * day) == [])
        #expect(try sources(["192.0.2.0/24"]) == [] && sources([]) == [])
    }

    // MARK: Entries

    private struct Fact {
        var seq: Int64
        var time: Int64
        var attempt: Attempt
    }

    private static func attempts(_ count: Int) throws -> [Attempt] {
        var random = SplitMix(seed: 3)
        let sources = try ["20.21.208.105", "20.21.208.9", "20.21.209.1", "2001:db8::5", "2001:db9::1"].map {
            try IPAddress($0)
        }
        return (0..<count).map { _ in
            var attempt = Attempt(
                kind: EntryKind.allCases.randomElement(using: &random)!,
                channel: Channel.allCases.randomElement(using: &random),
                verdict: Verdict.allCases.randomElement(using: &random)!,
                reason: Reason.allCases.randomElement(using: &random)!)
            if Bool.random(using: &random) {
                attempt.source = Endpoint(ip: sources.randomElement(using: &random)!, port: 1)
            }
            if Bool.random(using: &random) { attempt.account = ["a", "b"].randomElement(using: &random) }
            return attempt
        }
    }

    @Test(arguments: StoreMaker.all)
    func queriesAgreeWithAPlainFilter(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let facts = try Self.attempts(600).enumerated().map { index, attempt in
            _ = try store.commit([.append(attempt, drop: nil)], now: Instant(microseconds: Int64(index) * 10))
            return Fact(seq: Int64(index), time: Int64(index) * 10, attempt: attempt)
        }
        let reader = try maker.reader(directory)
        var random = SplitMix(seed: 4)
        let blocks = try ["20.21.208.0/24", "20.21.208.105", "2001:db8::/32", "10.0.0.0/8"].map {
            try CIDRBlock($0)
        }
        for _ in 0..<400 {
            var query = LedgerQuery()
            query.limit = 1000
            if Bool.random(using: &random) {
                query.since = Instant(microseconds: Int64.random(in: -5...6100, using: &random))
            }
            if Bool.random(using: &random) {
                query.until = Instant(microseconds: Int64.random(in: -5...6100, using: &random))
            }
            if Bool.random(using: &random) {
                query.sources = Array(blocks.shuffled(using: &random).prefix(2))
            }
            if Bool.random(using: &random) { query.channels = [.sftp] }
            if Bool.random(using: &random) { query.verdicts = [.rejected, .observed] }
            if Bool.random(using: &random) { query.accounts = ["a"] }
            if Int.random(in: 0..<4, using: &random) == 0 { query.kinds = [.login, .transfer] }
            if Int.random(in: 0..<4, using: &random) == 0 { query.reasons = [.listed, .notListed] }
            if Bool.random(using: &random) { query.order = .newestFirst }
            var expected = facts.filter { fact in
                let source = fact.attempt.source?.ip
                return (query.since.map { fact.time >= $0.microseconds } ?? true)
                    && (query.until.map { fact.time < $0.microseconds } ?? true)
                    && (query.sources.isEmpty
                        || query.sources.contains { block in source.map(block.contains) ?? false })
                    && (query.channels.isEmpty || fact.attempt.channel.map(query.channels.contains) ?? false)
                    && (query.verdicts.isEmpty || query.verdicts.contains(fact.attempt.verdict))
                    && (query.accounts.isEmpty || fact.attempt.account.map(query.accounts.contains) ?? false)
                    && (query.kinds.isEmpty || query.kinds.contains(fact.attempt.kind))
                    && (query.reasons.isEmpty || query.reasons.contains(fact.attempt.reason))
            }.map(\.seq)
            if query.order == .newestFirst { expected.reverse() }
            #expect(try reader.entries(query).map(\.seq) == expected)
        }
    }

    @Test(arguments: StoreMaker.all)
    func pagesFollowEachOtherWithoutGapOrRepeat(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        try append(95, to: store)
        let reader = try maker.reader(directory)
        var query = LedgerQuery()
        query.limit = 10
        var seen: [Int64] = []
        while case let page = try reader.entries(query), let last = page.last {
            seen += page.map(\.seq)
            query.after = last.seq
        }
        #expect(seen == Array(0..<95))
    }

    @Test(arguments: StoreMaker.all)
    func aReaderSeesWhatIsCommittedLater(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        #expect(try reader.size() == 0 && reader.lastSeq() == nil)
        #expect(try reader.entry(seq: 0) == nil && reader.newestCheckpoint() == nil)
        try append(3, to: store)
        #expect(try reader.size() == 3 && reader.lastSeq() == 2)
        #expect(try reader.entry(seq: 2)?.time == Instant(microseconds: 2_000_000))
        #expect(try reader.entry(seq: 3) == nil)
    }

    @Test(arguments: StoreMaker.all)
    func aTimeLeadsToTheFirstEntryAtOrAfterIt(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        try append(100, to: store)
        for (time, seq) in [
            (-5, 0), (0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2), (99_000_000, 99), (1 << 50, 100),
        ]
            as [(Int64, Int64)]
        {
            #expect(try reader.firstSeq(notBefore: Instant(microseconds: time)) == seq, "\(time)")
        }
    }

    // MARK: A clock that is set back

    /// Entries at 100, 101, 40, 41, 102, 103 s of the clock: 2 and 3 have times of 101 s.
    private func appendWithSetBack(to store: any LedgerStore) throws {
        for seconds in [100, 101, 40, 41, 102, 103] as [Int64] {
            _ = try store.commit(
                [.append(Self.attempt, drop: nil)], now: Instant(microseconds: seconds * 1_000_000))
        }
    }

    private static func period(_ since: Int64?, _ until: Int64?) -> LedgerPeriod {
        LedgerPeriod(
            since: since.map { Instant(microseconds: $0 * 1_000_000) },
            until: until.map { Instant(microseconds: $0 * 1_000_000) })
    }

    @Test(arguments: StoreMaker.all)
    func anEntryTellsTheClockThatIsBehindIt(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        try appendWithSetBack(to: store)
        let reader = try maker.reader(directory)
        let clocks = try reader.entries(LedgerQuery()).map { try $0.value()["clock"]?.string }
        #expect(
            clocks == [nil, nil, "1970-01-01T00:00:40.000000Z", "1970-01-01T00:00:41.000000Z", nil, nil])
        let run = ClockSetBack(
            seqs: 2...3, time: Instant(microseconds: 101_000_001),
            earliest: Instant(microseconds: 40_000_000),
            latest: Instant(microseconds: 41_000_000))
        #expect(try reader.clockSetBacks() == [run])
        #expect(try store.lastTime() == Instant(microseconds: 103_000_000))
    }

    @Test(
        arguments: [
            (nil, nil, [0, 1, 2, 3, 4, 5]), (nil, 41, [2]), (40, 42, [2, 3]), (41, 100, [3]), (39, 40, []),
            (41, 102, [0, 1, 2, 3]), (101, 103, [1, 2, 3, 4]), (102, nil, [4, 5]),
        ] as [(Int64?, Int64?, [Int64])])
    func queriesByTimeFindWhatWasWrittenMeanwhile(since: Int64?, until: Int64?, seqs: [Int64]) throws {
        for maker in StoreMaker.all {
            let directory = try TemporaryDirectory("set-back")
            let store = try maker.open(directory)
            try appendWithSetBack(to: store)
            // What lies behind is in no period here, and completes a segment.
            for _ in 6..<300 {
                _ = try store.commit(
                    [.append(Self.attempt, drop: nil)], now: Instant(microseconds: 900_000_000))
            }
            let reader = try maker.reader(directory)
            func check(_ what: Comment) throws {
                var query = LedgerQuery()
                (query.since, query.until) = (
                    Self.period(since, until).since, Self.period(since, until).until
                )
                query.below = 6
                #expect(try reader.entries(query).map(\.seq) == seqs, what)
                query.order = .newestFirst
                #expect(try reader.entries(query).map(\.seq) == seqs.reversed(), what)
                let range = try reader.seqs(of: query.period)
                #expect(seqs.allSatisfy(range.contains), what)
                let tally = try reader.tally(
                    range.lowerBound..<max(range.lowerBound, min(range.upperBound, 6)), of: query.period,
                    step: 1_000_000, progress: { _, _ in })
                #expect(tally.entries == Int64(seqs.count), what)
            }
            try check("in the database")
            let segment = try maker.sealing(directory).writeSegment(0, 0..<256)
            _ = try store.commit([.sealed(segment), .clearSealed(below: 256, limit: 300)], now: .now())
            try check("sealed")
        }
    }

    @Test(arguments: StoreMaker.all)
    func sealedEntriesAreTalliedAndFoundByTime(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let (reader, sealing) = (try maker.reader(directory), try maker.sealing(directory))
        var known = Self.attempt
        known.source = Endpoint(ip: try IPAddress("20.21.208.105"), port: 1)
        try commit([.append(known, drop: nil)], to: store)
        try append(599, to: store)
        let whole = try reader.tally(0..<600)
        for number in 0..<2 as Range<Int64> {
            let segment = try sealing.writeSegment(number, number * 256..<(number + 1) * 256)
            try commit([.sealed(segment), .clearSealed(below: segment.last + 1, limit: 300)], to: store)
        }
        let sealed = try reader.tally(0..<600)
        #expect(
            sealed.entries == 600 && sealed.groups.count == whole.groups.count && sealed.days == whole.days)
        #expect(try reader.tally(255..<257).seqs == 255...256)
        for second in [0, 1, 255, 256, 300, 512, 599, 600] as [Int64] {
            #expect(try reader.firstSeq(notBefore: Instant(microseconds: second * 1_000_000)) == second)
        }
        #expect(try reader.seen([IPAddress("20.21.208.105"), IPAddress("9.9.9.9")], before: 590).count == 1)
        #expect(try reader.beginning() == LedgerBeginning(seq: 0, time: Instant(microseconds: 0)))
        try commit([.segmentRemoved(sealing.segments()[0])], to: store)
        try sealing.removeFile(of: sealing.segments()[0])
        #expect(try reader.tally(0..<600).entries == 344)
        #expect(
            try reader.beginning()
                == LedgerBeginning(
                    seq: 256, time: Instant(microseconds: 256_000_000),
                    removedUpTo: Instant(microseconds: 255_000_000)))
    }

    @Test(arguments: StoreMaker.all)
    func aRangeIsGivenInOrderOrNotAtAll(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        try append(2100, to: store)
        #expect(try read(reader, 0..<2100) == Array(0..<2100))
        #expect(try read(reader, 999..<1001) == [999, 1000])
        #expect(try read(reader, 5..<5) == [])
        #expect(throws: LedgerError.self) { try read(reader, 2099..<2101) }
    }

    private struct Stop: Error {}

    @Test(arguments: StoreMaker.all)
    func whatACallerThrowsGoesThroughAsItIs(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        try append(1, to: store)
        #expect(throws: Stop.self) { try reader.forEachEntry(0..<1) { _, _ in throw Stop() } }
        #expect(throws: Stop.self) { try reader.withTree { _ in throw Stop() } }
    }

    @Test(arguments: StoreMaker.all)
    func aTallyCountsARangeAndTellsHowFarItIs(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        let source = try IPAddress("20.21.208.105")
        var many = Self.attempt
        many.source = Endpoint(ip: source, port: 1)
        many.detail["count"] = .int(7)
        try commit(
            [.append(Self.attempt, drop: nil), .append(many, drop: nil), .append(Self.attempt, drop: nil)],
            to: store)
        let tally = try reader.tally(1..<3)
        #expect(tally.entries == 2 && tally.groups.count == 2)
        #expect(tally.groups.keys.contains { $0.source == source && $0.reason == .authFailed })
        #expect(try reader.tally(3..<9).entries == 0)
        #expect(try reader.seen([source, IPAddress("20.21.208.9")], before: 2) == [source])
        #expect(try reader.seen([source], before: 1) == [])
    }

    // MARK: Drops

    @Test(arguments: StoreMaker.all)
    func dropsAreListedNewestFirstByState(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        try commit(
            [
                webhookOperation("a", key: 1, body: "text"), uploadOperation("b", key: 2),
                webhookOperation("c", key: 3),
                .released([("c", "webhook/c")], at: Instant(microseconds: 9_000_000)),
            ], to: store)
        #expect(try reader.drops(limit: 9).map(\.id) == ["c", "b", "a"])
        #expect(try reader.drops(limit: 2).map(\.id) == ["c", "b"])
        #expect(try reader.drops(states: [.pending], limit: 9).map(\.id) == ["b", "a"])
        #expect(
            try reader.drops(states: [.released, .pending], before: 2, limit: 9).map(\.id) == ["b", "a"])
        #expect(try reader.count(of: .pending) == 2 && reader.count(of: .released) == 1)
        #expect(try reader.count(of: .acknowledged) == 0)
        #expect(try reader.drop(id: "b")?.incoming == "incoming/b" && reader.drop(id: "z") == nil)
        #expect(try reader.newestUpload(readyPath: "sftp/b")?.id == "b")
        #expect(try reader.newestUpload(readyPath: "webhook/c") == nil, "an event is not an upload")
        #expect(try reader.body(seq: 0) == Array("text".utf8))
        #expect(try reader.body(seq: 1) == nil && reader.body(seq: 2) == nil)
    }

    @Test(arguments: StoreMaker.all)
    func releasedDropsComeInTheirOrderWithThoseThatWaitBetween(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        let now = Instant(microseconds: 9_000_000)
        func ids(above seq: Int64 = -1, limit: Int = 9) throws -> [String] {
            try reader.released(above: seq, limit: limit, waiting: 9, away: 9).released.map(\.id)
        }
        func waiting(above seq: Int64 = -1, limit: Int = 9) throws -> [Int64] {
            try reader.released(above: seq, limit: 9, waiting: limit, away: 9).waiting
        }
        try commit(
            (0..<5).map { webhookOperation("\($0)", key: UInt8($0 + 1)) } + [
                .released([("0", "webhook/0"), ("2", "webhook/2"), ("3", "webhook/3")], at: now)
            ], to: store)
        #expect(try ids() == ["0", "2", "3"])
        #expect(try waiting() == [1, 4] && waiting(above: 1) == [4] && waiting(limit: 1) == [1])
        #expect(try reader.released(above: -1, limit: 9, waiting: 9, away: 9).away == [])
        #expect(try reader.drops(seqs: [3, 1, 99]).map(\.id) == ["3", "1"])
        try commit([.released([("1", "webhook/1")], at: now)], to: store)
        #expect(try ids() == ["0", "1", "2", "3"] && ids(above: 0, limit: 2) == ["1", "2"])
        try commit([.acknowledge(id: "1", at: now), .released([("4", "webhook/4")], at: now)], to: store)
        #expect(try ids() == ["0", "2", "3", "4"] && ids(above: 3) == ["4"] && ids(above: 4) == [])
    }

    @Test(arguments: StoreMaker.all)
    func aWithdrawnDropThatMayComeAgainIsAwayUntilItWaitsToBeReleased(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        let now = Instant(microseconds: 9_000_000)
        func change(_ id: String, from: DropState, _ kind: DropChange.Kind) -> LedgerOperation {
            let attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed)
            return .change(attempt, DropChange(id: id, from: from, kind: kind))
        }
        func released() throws -> [String] {
            try reader.released(above: -1, limit: 9, waiting: 9, away: 9).released.map(\.id)
        }
        func waiting() throws -> [Int64] {
            try reader.released(above: -1, limit: 9, waiting: 9, away: 9).waiting
        }
        func away(above seq: Int64 = -1) throws -> [Int64] {
            try reader.released(above: seq, limit: 9, waiting: 9, away: 9).away
        }
        try commit(
            [
                uploadOperation("away", key: 1), uploadOperation("gone", key: 2),
                uploadOperation("there", key: 3),
                change("away", from: .pending, .withdrawn(incoming: "incoming/away", mayComeAgain: true)),
                change("gone", from: .pending, .withdrawn(incoming: "incoming/gone")),
                .released([("there", "sftp/there")], at: now),
            ], to: store)
        #expect(try released() == ["there"] && waiting() == [] && away() == [0] && away(above: 0) == [])
        let again = DropChange.Kind.renamed(
            name: "away", readyPath: "sftp/away", incoming: "incoming/away", due: DropRecord.never)
        try commit([.quarantined(id: "away"), change("away", from: .withdrawn, again)], to: store)
        #expect(try released() == ["there"] && waiting() == [0] && away() == [], "held")
        try commit([.letGo(id: "away"), .released([("away", "sftp/away")], at: now)], to: store)
        #expect(try released() == ["away", "there"] && waiting() == [] && away() == [])
    }

    /// However many have gone away, they take no place of one that waits.
    @Test(arguments: StoreMaker.all)
    func ofDropsThatAreAwayTheNewestAreGivenAndOfThoseThatWaitTheFirst(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        let attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed)
        try commit((0..<9).map { uploadOperation("\($0)", key: UInt8($0 + 1)) }, to: store)
        for id in ["0", "1", "3", "4", "5", "7"] {
            let gone = DropChange.Kind.withdrawn(incoming: "incoming/\(id)", mayComeAgain: true)
            try commit([.change(attempt, DropChange(id: id, from: .pending, kind: gone))], to: store)
        }
        func numbers(above seq: Int64 = -1, _ waiting: Int, _ away: Int) throws -> [[Int64]] {
            let found = try reader.released(above: seq, limit: 9, waiting: waiting, away: away)
            return [found.waiting, found.away]
        }
        #expect(try numbers(9, 9) == [[2, 6, 8], [0, 1, 3, 4, 5, 7]])
        #expect(try numbers(2, 2) == [[2, 6], [5, 7]])
        #expect(try numbers(above: 4, 1, 9) == [[6], [5, 7]])
        #expect(try numbers(above: 5, 9, 1) == [[6, 8], [7]])
    }

    @Test(arguments: StoreMaker.all)
    func aPathLeadsToTheDropsThatWereGivenIt(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        let batch = "webhook/2026-11-23/x.ndjson"
        try commit(
            [
                webhookOperation("a", key: 1), uploadOperation("b", key: 2), webhookOperation("c", key: 3),
                uploadOperation("d", key: 4), uploadOperation("e", key: 5), webhookOperation("f", key: 6),
                .released(
                    [("b", "sftp/x"), ("a", batch), ("c", batch)], at: Instant(microseconds: 9_000_000)),
                .released([("d", "sftp/x")], at: Instant(microseconds: 9_000_000)),
            ], to: store)
        #expect(try reader.uploads(readyPath: "sftp/x", limit: 9).map(\.id) == ["d", "b"])
        #expect(try reader.uploads(readyPath: "sftp/x", limit: 1).map(\.id) == ["d"])
        #expect(try reader.uploads(readyPath: batch, limit: 9).isEmpty, "an event is not an upload")
        let first = try #require(try reader.drop(id: "a")).received
        #expect(try reader.events(readyPath: batch, acceptedFrom: first).map(\.id) == ["a", "c"])
        let later = Instant(microseconds: first.microseconds + 1)
        #expect(try reader.events(readyPath: batch, acceptedFrom: later).map(\.id) == ["c"])
        #expect(try reader.events(readyPath: "sftp/x", acceptedFrom: first).isEmpty, "an upload is no event")
        let attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .withdrawn)
        try commit(
            [.change(attempt, DropChange(id: "d", from: .released, kind: .withdrawn(incoming: "i")))],
            to: store)
        #expect(try reader.uploads(readyPath: "sftp/x", limit: 9).map(\.id) == ["b"], "it was taken back")
    }

    @Test(arguments: StoreMaker.all)
    func eventsOfAPathAreFoundByTheTimeOfTheirEntriesWheneverTheyWereReceived(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        func receive(_ id: String, key: UInt8, at seconds: Int64, received: Int64? = nil) throws -> Instant {
            let outcome = try store.commit(
                [
                    webhookOperation(
                        id, key: key, received: received.map { Instant(microseconds: $0 * 1_000_000) })
                ], now: Instant(microseconds: seconds * 1_000_000))
            guard case .appended(let entry)? = outcome.first else {
                throw LedgerError(.unreadable, "no entry")
            }
            return entry.time
        }
        var times: [String: Instant] = [:]
        // Held for long; as they come; pulled from a gate whose clock is ahead; with a clock that was set back.
        times["held"] = try receive("held", key: 1, at: 100, received: 1)
        times["a"] = try receive("a", key: 2, at: 101)
        times["pulled"] = try receive("pulled", key: 3, at: 102, received: 900)
        times["b"] = try receive("b", key: 4, at: 103)
        times["back"] = try receive("back", key: 5, at: 50, received: 40)
        times["c"] = try receive("c", key: 6, at: 104)
        for (id, time) in times {
            let path = try #require(try reader.drop(id: id)).readyPath
            #expect(try reader.events(readyPath: path, acceptedFrom: time).map(\.id) == [id])
            #expect(
                try reader.events(readyPath: path, acceptedFrom: time + .microseconds(1)).isEmpty,
                "it looks from that time on")
        }
        try commit(Array(repeating: .append(Self.attempt, drop: nil), count: 300), to: store)
        let segment = try maker.sealing(directory).writeSegment(0, 0..<256)
        try commit([.sealed(segment), .clearSealed(below: 256, limit: 300)], to: store)
        for (id, time) in times {
            let path = try #require(try reader.drop(id: id)).readyPath
            #expect(try reader.events(readyPath: path, acceptedFrom: time).map(\.id) == [id], "sealed")
        }
    }

    // MARK: What was signed

    @Test(arguments: StoreMaker.all)
    func checkpointsAndWitnessesAreFoundByTheirSize(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let reader = try maker.reader(directory)
        for _ in 0..<3 {
            try append(10, to: store)
            _ = try store.commit([.checkpoint(key)], now: Instant(microseconds: 1 << 40))
        }
        #expect(try reader.newestCheckpoint()?.checkpoint.size == 30)
        for (size, found) in [(1, 10), (10, 10), (11, 20), (30, 30)] as [(Int64, Int64)] {
            #expect(try reader.checkpoint(covering: size)?.checkpoint.size == found)
        }
        #expect(try reader.checkpoint(covering: 31) == nil)
        let time = Instant(microseconds: 5)
        for (name, size) in [("w", 20), ("a", 10), ("w", 10)] as [(String, Int64)] {
            _ = try store.commit([.witnessed(name: name, size: size, at: time)], now: time)
        }
        #expect(
            try reader.witnessed() == [
                WitnessedSize(name: "a", size: 10, time: time),
                WitnessedSize(name: "w", size: 20, time: time),
            ])
        #expect(try reader.withTree { try $0.root(size: 17) } == store.root(size: 17))
    }

    // MARK: Sealing

    @Test(arguments: StoreMaker.all)
    func sealedEntriesAreReadAsBefore(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let (reader, sealing) = (try maker.reader(directory), try maker.sealing(directory))
        try append(511, to: store)
        #expect(try sealing.nextSegment(width: 256)?.entries == 0..<256)
        #expect(try sealing.nextSegment(width: 512) == nil)
        let before = try reader.entry(seq: 7)
        let segment = try sealing.writeSegment(0, 0..<256)
        #expect(try sealing.segments() == [], "a file alone seals nothing")
        try commit([.sealed(segment)], to: store)
        #expect(try sealing.segments() == [segment] && sealing.hasUnclearedEntries(below: 256))
        #expect(try reader.entry(seq: 7)?.json == before?.json && read(reader, 0..<511) == Array(0..<511))
        try commit([.clearSealed(below: 256, limit: 300)], to: store)
        #expect(try !sealing.hasUnclearedEntries(below: 256))
        #expect(try sealing.nextSegment(width: 256) == nil, "the newest entry is never sealed")
        #expect(try reader.entry(seq: 7)?.json == before?.json && reader.entry(seq: 7)?.time == before?.time)
        #expect(try read(reader, 0..<511) == Array(0..<511))
        var query = LedgerQuery()
        query.limit = 300
        query.order = .newestFirst
        query.below = 300
        #expect(try reader.entries(query).map(\.seq) == Array((0..<300).reversed()))
        query.sealed = false
        #expect(try reader.entries(query).map(\.seq) == Array((256..<300).reversed()))
        #expect(try reader.lastSealed() == 255)
        #expect(try reader.size() == 511)
    }

    /// What retention goes by before it removes a file.
    @Test(arguments: StoreMaker.all)
    func aFileIsOnlyUnalteredAsItWasSealed(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let sealing = try maker.sealing(directory)
        try append(300, to: store)
        let segment = try sealing.writeSegment(0, 0..<256)
        try commit([.sealed(segment), .clearSealed(below: 256, limit: 300)], to: store)
        try sealing.requireUnaltered(segment)
        let changes: [(inout LedgerSegment) -> Void] = [
            { $0.firstTime += .seconds(1) }, { $0.lastTime = Instant(microseconds: 0) },
            { $0.sha256[0] ^= 1 }, { $0.bytes += 1 }, { $0.last -= 1 },
        ]
        for change in changes {
            var other = segment
            change(&other)
            #expect(throws: LedgerError.self) { try sealing.requireUnaltered(other) }
        }
    }

    @Test(arguments: StoreMaker.all)
    func onlyAFileWhoseRemovalIsRecordedIsRemoved(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let (reader, sealing) = (try maker.reader(directory), try maker.sealing(directory))
        try append(300, to: store)
        let segment = try sealing.writeSegment(0, 0..<256)
        try commit([.sealed(segment), .clearSealed(below: 256, limit: 300)], to: store)
        try sealing.removeFile(of: segment)
        #expect(try reader.entry(seq: 0) != nil)
        // An entry in the file, one that is not sealed, and none.
        for entry in [7, 299, 300] as [Int64] {
            var marked = segment
            marked.removalEntry = entry
            #expect(throws: LedgerError.self) { try sealing.requireUnaltered(marked) }
            #expect(throws: LedgerError.self) { try sealing.removeFile(of: marked) }
        }
        #expect(try reader.entry(seq: 0) != nil)
        try commit([.segmentRemoved(segment)], to: store)
        #expect(try sealing.segments()[0].removalEntry == 300)
        for _ in 0..<2 { try sealing.removeFile(of: sealing.segments()[0]) }
        try sealing.requireUnaltered(sealing.segments()[0])
        #expect(try reader.entry(seq: 0) == nil && reader.entry(seq: 256) != nil)
        #expect(throws: LedgerError.self) { try read(reader, 255..<257) }
    }

    @Test(arguments: StoreMaker.all)
    func entriesWhoseDropsWaitAreToldApart(maker: StoreMaker) throws {
        let store = try maker.open(directory)
        let sealing = try maker.sealing(directory)
        try commit([.append(Self.attempt, drop: nil), uploadOperation("a", key: 1)], to: store)
        #expect(try !sealing.hasPendingDrops(0..<1) && sealing.hasPendingDrops(0..<2))
        try commit([.released([("a", "sftp/a")], at: Instant(microseconds: 5_000_000))], to: store)
        #expect(try !sealing.hasPendingDrops(0..<2))
    }

    @Test func noLedgerIsSaidInWords() {
        let error = #expect(throws: LedgerError.self) {
            try LedgerHandle(file: "/nonexistent/ledger").reader()
        }
        #expect(error?.description.contains("/nonexistent/ledger") == true)
    }
}
