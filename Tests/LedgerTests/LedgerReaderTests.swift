// Queries give exactly the entries that a plain filter over all of them would give.
import Admission
import Ledger
import Support
import Testing

@Suite struct LedgerReaderTests {
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

    @Test func queriesAgreeWithAPlainFilter() throws {
        let directory = try TemporaryDirectory("reader")
        let store = try SQLiteLedgerStore(path: directory.file("l"), node: "t")
        let facts = try Self.attempts(600).enumerated().map { index, attempt in
            _ = try store.commit([.append(attempt, drop: nil)], now: Instant(microseconds: Int64(index) * 10))
            return Fact(seq: Int64(index), time: Int64(index) * 10, attempt: attempt)
        }
        let reader = try LedgerReader(path: directory.file("l"))
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

    @Test func pagesFollowEachOtherWithoutGapOrRepeat() throws {
        let directory = try TemporaryDirectory("pages")
        let store = try SQLiteLedgerStore(path: directory.file("l"), node: "t")
        let attempt = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .authFailed)
        _ = try store.commit(
            Array(repeating: .append(attempt, drop: nil), count: 95), now: Instant(microseconds: 1))
        let reader = try LedgerReader(path: directory.file("l"))
        var query = LedgerQuery()
        query.limit = 10
        var seen: [Int64] = []
        while case let page = try reader.entries(query), let last = page.last {
            seen += page.map(\.seq)
            query.after = last.seq
        }
        #expect(seen == Array(0..<95))
    }

    @Test func noLedgerIsSaidInWords() {
        let error = #expect(throws: LedgerError.self) { try LedgerReader(path: "/nonexistent/ledger") }
        #expect(error?.description.contains("/nonexistent/ledger") == true)
    }
}
