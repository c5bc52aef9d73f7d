// However many sources call, a tally has so many groups, and its sums are exact.
import Admission
import JSON
import Ledger
import Support
import Testing

@Suite struct TallyBoundTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("tally") }

    private func attempt(
        _ ip: String, _ verdict: Verdict = .rejected, kind: EntryKind = .connection, entries: [String] = []
    ) throws -> LedgerOperation {
        var attempt = Attempt(
            kind: kind, channel: .webhook, verdict: verdict,
            reason: entries.isEmpty ? .notListed : verdict == .rejected ? .entryExpired : .listed)
        attempt.source = Endpoint(ip: try IPAddress(ip), port: 1)
        attempt.entries = entries
        attempt.count = 3
        if kind == .request { attempt.detail["vsee_shaped"] = true }
        return .append(attempt, drop: nil)
    }

    /// 200 strangers of 20 networks, in turn; among them a listed source that is refused, and one that is let in.
    private func operations(kind: EntryKind = .connection) throws -> [LedgerOperation] {
        var all = try (0..<200).map { number in
            try attempt("2001:db8:0:\(number % 20)::\(number)", kind: kind)
        }
        for (place, ip) in [(0, "20.21.208.105"), (100, "2001:db8:0:19::abc"), (202, "20.21.208.105")] {
            all.insert(try attempt(ip, entries: ["test/vsee"]), at: place)
        }
        all.append(try attempt("2001:db8:0:19::def", .accepted, entries: ["test/vsee"]))
        return all
    }

    private func tally(_ operations: [LedgerOperation]) throws -> LedgerTally {
        let ledger = LedgerHandle(file: directory.file("ledger.sqlite"))
        let store = try ledger.open(node: "t")
        _ = try store.commit(operations, now: Instant(microseconds: 1_795_392_000_000_000))
        let reader = try ledger.reader()
        return try reader.tally(
            0..<reader.size(), of: LedgerPeriod(), step: LedgerTally.day,
            bounds: LedgerTally.Bounds(sources: 10, networks: 4), progress: { _, _ in })
    }

    private func attempts(_ tally: LedgerTally, _ matches: (LedgerTally.Caller) -> Bool) -> Int64 {
        tally.groups.reduce(0) { $0 + (matches($1.key.caller) ? $1.value.attempts : 0) }
    }

    @Test func strangersBeyondTheBoundAreCountedByNetworkAndThenTogether() throws {
        let tally = try tally(operations())
        #expect(tally.entries == 204 && tally.attempts == 612)
        #expect(tally.groups.count == 10 + 4 + 1 + 3, "sources, networks, all others; the listed ones")
        #expect(attempts(tally) { _ in true } == 612, "none is lost")
        #expect(tally.untold == 570)
        #expect(attempts(tally) { $0.network != nil } == 120)
        #expect(attempts(tally) { $0 == .unknown } == 450)
        let network = try CIDRBlock("2001:db8:0:10::/64")
        #expect(attempts(tally) { $0 == .network(network) } == 30)
        #expect(tally.days.values.reduce(0) { $0 + $1.values.reduce(0, +) } == 612)
    }

    @Test func whoIsListedOrLetInStandsApartHoweverManyCame() throws {
        let tally = try tally(operations())
        for (ip, count) in [("20.21.208.105", 6), ("2001:db8:0:19::abc", 3), ("2001:db8:0:19::def", 3)] {
            let source = try IPAddress(ip)
            #expect(attempts(tally) { $0 == .source(source) } == Int64(count))
        }
        #expect(tally.matched.values.reduce(0) { $0 + $1.attempts } == 12)
    }

    private func own(_ kind: EntryKind, _ reason: Reason, times: Int = 1) -> [LedgerOperation] {
        let attempt = Attempt(kind: kind, channel: nil, verdict: .accepted, reason: reason)
        return Array(repeating: .append(attempt, drop: nil), count: times)
    }

    @Test func acknowledgementsTakeNoRoomFromExports() throws {
        let many = own(.access, .read, times: LedgerTally.notableLimit + 1)
        let tally = try tally(many + own(.access, .exported) + own(.access, .exportedInPart))
        #expect(tally.entries == Int64(LedgerTally.notableLimit) + 3 && tally.attempts == 0)
        #expect(tally.notable.map(\.seq) == [2001, 2002])
        #expect(tally.leftOut.isEmpty)
    }

    @Test func ofEachKindItIsKnownHowManyNotableEntriesAreLeftOut() throws {
        let many = own(.access, .exported, times: LedgerTally.notableLimit + 2)
        let tally = try tally(many + own(.access, .read) + own(.service, .started))
        #expect(tally.notable.count == LedgerTally.notableLimit + 1, "a kind takes no room from another")
        #expect(tally.leftOut == [.access: 2])
    }

    @Test func callsInVSeesFormAreBoundedAsWell() throws {
        let tally = try tally(operations(kind: .request))
        #expect(tally.shaped.count == 10 + 4 + 1)
        #expect(tally.shaped.values.reduce(0, +) == 600)
    }
}
