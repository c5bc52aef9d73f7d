// Why an event is not held in quarantine is told by a word, one for each bound.
import Admission
import JSON
import Ledger
import Staging
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct NotHeldTests {
    private func receipt(_ number: Int, from source: String = "192.0.2.1", bytes: Int64 = 10) -> Receipt {
        var receipt = Receipt(
            drop: DropID.make(milliseconds: Int64(number)), channel: "webhook", name: "", file: "",
            bytes: bytes,
            received: "")
        receipt.source = source
        receipt.sha256 = "\(number)"
        return receipt
    }

    @Test func eachBoundHasItsWord() {
        var quota = QuarantineQuota([])
        #expect(quota.take(receipt(1), mostEvents: 8, mostBytes: 100) == nil)
        #expect(quota.take(receipt(1), mostEvents: 8, mostBytes: 100) == .alreadyHeld)
        #expect(quota.take(receipt(2), mostEvents: 8, mostBytes: 100) == nil)
        #expect(quota.take(receipt(3, bytes: 1), mostEvents: 8, mostBytes: 100) == .sourceShare)
        #expect(quota.take(receipt(3, from: "192.0.2.2"), mostEvents: 8, mostBytes: 100) == nil)
        #expect(
            quota.take(receipt(4, from: "192.0.2.3", bytes: 71), mostEvents: 8, mostBytes: 100)
                == .tooManyBytes)
        #expect(quota.take(receipt(4, from: "192.0.2.3"), mostEvents: 3, mostBytes: 100) == .tooManyEvents)
    }

    @Test func oneSourceLeavesBytesToTheOthers() {
        let first = receipt(1, bytes: 15)
        var quota = QuarantineQuota([first])
        func take(_ number: Int, _ source: String, _ bytes: Int64) -> NotHeld? {
            quota.take(receipt(number, from: source, bytes: bytes), mostEvents: 80, mostBytes: 100)
        }
        #expect(take(2, "192.0.2.1", 11) == .sourceShare)
        #expect(take(2, "192.0.2.1", 10) == nil)
        #expect(take(3, "192.0.2.1", 1) == .sourceShare)
        // A first event is held as long as there is room at all.
        #expect(take(3, "192.0.2.2", 60) == nil)
        #expect(take(4, "192.0.2.2", 1) == .sourceShare)
        // What has been given back is there again.
        quota.giveBack(first.drop)
        #expect(take(5, "192.0.2.1", 15) == nil)
    }

    @Test func anIPv6SourceIsItsNetwork() {
        var quota = QuarantineQuota([])
        func take(_ number: Int, _ source: String) -> NotHeld? {
            quota.take(receipt(number, from: source), mostEvents: 8, mostBytes: 1000)
        }
        #expect(take(1, "2001:db8:0:1::1") == nil && take(2, "2001:db8:0:1:ffff::2") == nil)
        #expect(take(3, "2001:db8:0:1::3") == .sourceShare)
        #expect(take(3, "2001:db8:0:2::1") == nil)
        // Neighbours in IPv4 are not one.
        #expect(take(4, "192.0.2.1") == nil && take(5, "192.0.2.1") == nil && take(6, "192.0.2.2") == nil)
    }

    @Test func roomIsGivenBackOnce() {
        let first = receipt(1)
        var quota = QuarantineQuota([first, receipt(2)])
        for _ in 0..<2 { quota.giveBack(first.drop) }
        #expect(quota.events == 1 && quota.drop(holding: "1") == nil && quota.drop(holding: "2") != nil)
        func take(_ bytes: Int64) -> NotHeld? {
            quota.take(receipt(3, from: "192.0.2.2", bytes: bytes), mostEvents: 8, mostBytes: 60)
        }
        #expect(take(51) == .tooManyBytes && take(50) == nil)
    }

    @Test func theEntryHasWordAndSentence() async throws {
        let gate = try Gate { $0.mostHeldEvents = 1 }
        func hold(_ id: String) async throws {
            var refused = Attempt(kind: .request, channel: .webhook, verdict: .rejected, reason: .notListed)
            refused.source = Endpoint(ip: try IPAddress("192.0.2.1"), port: 5)
            await gate.intake.hold(Gate.event(id, body: "{\"id\":\"\(id)\"}"), attempt: refused)
        }
        for id in ["a", "a", "b"] { try await hold(id) }
        await gate.intake.close()
        let details = try gate.entries().compactMap { $0["detail"] }
        #expect(details.map { $0["not_held"]?.string } == [nil, "already_held", "too_many_events"])
        #expect(details[2]["message"]?.string?.hasSuffix(NotHeld.tooManyEvents.sentence) == true)
    }

    @Test func everyWordIsItsOwnAndHasASentence() {
        for word in NotHeld.allCases {
            #expect(word.rawValue.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F })
            #expect(word.sentence.hasPrefix("not held"))
        }
        #expect(Set(NotHeld.allCases.map(\.sentence)).count == NotHeld.allCases.count)
    }

    @Test(arguments: [(["wrong_secret"], true), (["wrong_secret", "probe"], false)])
    func aFloodKeepsTheWords(words: [String], isOne: Bool) throws {
        var attempt = Attempt(kind: .request, channel: .webhook, verdict: .rejected, reason: .notListed)
        var inner = CoalescedAttempt(like: attempt, network: nil)
        for word in words + words {
            attempt.detail = ["not_held": .string(word)]
            inner.add(attempt, at: .now())
        }
        // One that could not be written is counted again.
        var outer = CoalescedAttempt(like: attempt, network: nil)
        outer.add(inner.attempt, at: .now())
        for told in [inner.attempt, outer.attempt] {
            #expect(told.detail["not_held"]?.string == (isOne ? words[0] : nil))
            #expect(told.detail["not_held_examples"] == (isOne ? nil : .array(words.map { .string($0) })))
        }
    }
}
