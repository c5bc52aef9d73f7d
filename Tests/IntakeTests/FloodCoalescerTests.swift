// Floods of rejections: what is written stays within bounds, and the counts stay exact.
import Admission
import JSON
import Ledger
import Testing

@testable import Intake

@Suite struct FloodCoalescerTests {
    private var flood = FloodCoalescer()
    private var now = Instant(microseconds: 1_800_000_000_000_000)

    private static func attempt(
        _ address: String, account: String? = nil, credential: String? = nil, listed: Bool = false
    ) throws -> Attempt {
        var attempt = Attempt(
            kind: account == nil ? .connection : .login, channel: account == nil ? .webhook : .sftp,
            verdict: .rejected, reason: account == nil ? .notListed : .authFailed)
        attempt.source = Endpoint(ip: try IPAddress(address), port: 40_000)
        attempt.account = account
        attempt.credential = credential
        if listed { attempt.entries = ["vsee/a"] }
        return attempt
    }

    private mutating func pass(_ seconds: Double) {
        now = Instant(microseconds: now.microseconds + Int64(seconds * 1e6))
    }

    @Test mutating func theFirstOfASourcePassAndTheRestAreOneEntry() throws {
        var written: [Attempt] = []
        for _ in 0..<50 {
            let attempt = try Self.attempt("203.0.113.5")
            if let passed = flood.take(attempt, at: now, passes: true) { written.append(passed) }
            pass(0.01)
        }
        #expect(written.count == 10 && written.allSatisfy { $0.count == 1 })
        let early = flood.flush(at: now)
        #expect(early.isEmpty, "its window is still open")
        pass(10)
        var flushed = flood.flush(at: now)
        let rest = try #require(flushed.first)
        #expect(rest.count == 40 && rest.source?.ip.description == "203.0.113.5")
        #expect(rest.source?.port == nil && rest.detail == ["coalesced": true])
        #expect(rest.first.map { $0 < rest.last ?? $0 } == true)
        flushed = flood.flush(at: now, all: true)
        #expect(flushed.isEmpty)
    }

    /// 10,000 addresses, ten times each within a minute: 771 bytes an entry were 85 MB.
    @Test mutating func aFloodFromManyAddressesCostsFewEntriesAndLosesNoCount() throws {
        var entries = 0
        var counted: Int64 = 0
        for second in 0..<60 {
            for number in 0..<1667 {
                let n = (second * 1667 + number) % 10_000
                let attempt = try Self.attempt("10.\(n / 100).\(n % 100).\(n % 250)")
                if flood.take(attempt, at: now, passes: true) != nil {
                    entries += 1
                    counted += 1
                }
            }
            pass(1)
            for attempt in flood.flush(at: now) {
                entries += 1
                counted += attempt.count
            }
        }
        for attempt in flood.flush(at: now, all: true) {
            entries += 1
            counted += attempt.count
        }
        #expect(counted == 60 * 1667)
        // A burst, ten a second, at most a count for each of them, 100 networks a window.
        #expect(entries <= 100 + 600 + 700 + 7 * 102, "\(entries)")
    }

    @Test mutating func beyondTheBudgetANetworkIsNamedWithItsAddressesAndExamples() throws {
        for n in 0..<200 { _ = flood.take(try Self.attempt("198.51.100.\(n)"), at: now, passes: true) }
        for n in 0..<300 { _ = flood.take(try Self.attempt("2001:db8::\(n)"), at: now, passes: true) }
        let coalesced = flood.flush(at: now, all: true)
        #expect(coalesced.count == 2)
        let v4 = try #require(coalesced.first { $0.detail["network"] == "198.51.100.0/24" })
        #expect(v4.count == 100 && v4.detail["addresses"] == 100 && v4.source == nil)
        #expect(v4.detail["examples"]?.array?.first == "198.51.100.100")
        #expect(v4.detail["examples"]?.array?.count == 5)
        let v6 = try #require(coalesced.first { $0.detail["network"] == "2001:db8::/64" })
        #expect(v6.count == 300 && v6.detail["addresses"] == 300)
    }

    @Test mutating func whatDiffersIsNotSaidOfAll() throws {
        for n in 0..<40 {
            let attempt = try Self.attempt(
                "203.0.113.5", account: "vsee", credential: n < 12 ? "SHA256:a" : "SHA256:\(n)")
            _ = flood.take(attempt, at: now, passes: true)
        }
        let flushed = flood.flush(at: now, all: true)
        let rest = try #require(flushed.first)
        #expect(rest.count == 30 && rest.account == "vsee" && rest.credential == nil)
        #expect(rest.detail["credentials"] == 29)
        #expect(rest.detail["credential_examples"]?.array?.count == 5)
    }

    @Test mutating func strangersDoNotSpendTheBudgetOfListedSources() throws {
        for n in 0..<1000 {
            _ = flood.take(try Self.attempt("10.0.\(n % 250).\(n / 250)"), at: now, passes: true)
        }
        let listed = try Self.attempt("20.21.208.105", listed: true)
        let written = flood.take(listed, at: now, passes: true)
        #expect(written == listed)
    }

    @Test mutating func aBudgetComesBackWithTime() throws {
        for n in 0..<200 { _ = flood.take(try Self.attempt("10.0.0.\(n)"), at: now, passes: true) }
        let before = flood.take(try Self.attempt("192.0.2.1"), at: now, passes: true)
        pass(0.2)
        let after = flood.take(try Self.attempt("192.0.2.7"), at: now, passes: true)
        #expect(before == nil && after != nil)
    }

    /// A long target costs as much of the budget as it takes on disk.
    @Test mutating func longEntriesSpendMore() throws {
        var passed = 0
        for n in 0..<100 {
            var attempt = try Self.attempt("10.0.0.\(n)")
            attempt.request = RequestFacts(path: "/" + String(repeating: "x", count: 8192))
            if flood.take(attempt, at: now, passes: true) != nil { passed += 1 }
        }
        #expect(passed == 11)
    }

    @Test mutating func whatCouldNotBeWrittenIsCountedOn() throws {
        for n in 0..<2000 { _ = flood.take(try Self.attempt("198.51.100.\(n % 250)"), at: now, passes: true) }
        let first = flood.flush(at: now, all: true)
        for attempt in first { _ = flood.take(attempt, at: now, passes: false) }
        let again = flood.flush(at: now, all: true)
        #expect(again.map(\.count).reduce(0, +) == first.map(\.count).reduce(0, +))
    }

    /// An accepted entry that could not be written is counted, and not into those that were refused.
    @Test mutating func whatWasAcceptedIsNotCountedWithWhatWasRefused() throws {
        var accepted = try Self.attempt("20.21.208.105", listed: true)
        accepted.verdict = .accepted
        let rejected = try Self.attempt("20.21.208.105", listed: true)
        for attempt in [accepted, rejected, accepted] { _ = flood.take(attempt, at: now, passes: false) }
        let counted = flood.flush(at: now, all: true)
        #expect(counted.filter { $0.verdict == .accepted }.map(\.count) == [2])
        #expect(counted.filter { $0.verdict == .rejected }.map(\.count) == [1])
    }
}
