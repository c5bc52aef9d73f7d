// Sources that were let in and are refused now, as doctor tells them.
import Admission
import JSON
import Ledger
import Testing

@testable import Reachability

@Suite struct LostSourceCheckTests {
    private let scene: LedgerScene

    init() throws { scene = try LedgerScene() }

    private func findings(_ policy: Policy? = nil) throws -> [Finding] {
        try LostSourceCheck(policy: policy, reader: try scene.reader(), now: LedgerScene.now).findings()
    }

    @Test(arguments: [Reason.notListed, .wrongChannel])
    func aSourceThatWasLetInAndIsRefusedSinceIsToldWithTheChange(_ reason: Reason) throws {
        try scene.refuse("20.21.208.105", reason, minutesAgo: 9000)
        try scene.accept("20.21.208.105", minutesAgo: 600)
        var change = Attempt(kind: .policy, channel: nil, verdict: .accepted, reason: .changed)
        change.detail["from"] = "sha256:0"
        change.policy = "sha256:1"
        try scene.add(change, minutesAgo: 300)
        // Accounts may change as often as they like.
        var accounts = Attempt(kind: .policy, channel: .sftp, verdict: .accepted, reason: .changed)
        accounts.detail["accounts"] = ["+ clinic"]
        for _ in 0..<20 { try scene.add(accounts, minutesAgo: 299) }
        try scene.refuse("20.21.208.105", reason, minutesAgo: 240)
        try scene.refuse("20.21.208.105", reason, count: 3, minutesAgo: 5)
        let found = try findings(try LedgerScene.policy("20.21.208.106"))
        #expect(found.count == 1 && found[0].state == .warn)
        #expect(
            found[0].text
                == "20.21.208.105 was let in on webhook until 10 h ago, as vsee/clinic, and has been refused since 4 times "
                + "(\(reason.rawValue)), the last 5 min ago; the source lists changed 5 h ago (entry 2)")
        #expect(found[0].fix?.contains("dropgate source explain 20.21.208.105") == true)
    }

    @Test func whoWasLetInByAnEntryInModeObserveIsLostToo() throws {
        var observed = Attempt(kind: .login, channel: .sftp, verdict: .observed, reason: .notListed)
        observed.source = Endpoint(ip: try IPAddress("20.21.208.105"))
        observed.entries = ["vsee/trial"]
        try scene.add(observed, minutesAgo: 100)
        try scene.refuse("20.21.208.105", channel: .sftp, minutesAgo: 50)
        #expect(
            try findings().map { $0.text.contains("let in on sftp until 100 min ago, as vsee/trial") } == [
                true
            ])
    }

    @Test func aGateThatStopsDoesNotWaitUntilEveryStrangerWasLookedUp() async throws {
        try scene.refuse("198.51.100.7", minutesAgo: 5)
        let check = Task {
            while !Task.isCancelled { await Task.yield() }
            _ = try findings()
        }
        check.cancel()
        await #expect(throws: CancellationError.self) { try await check.value }
    }

    @Test func anExpiryIsNotBlamedOnAChangeOfTheLists() throws {
        try scene.accept("20.21.208.105", minutesAgo: 100)
        var change = Attempt(kind: .policy, channel: nil, verdict: .accepted, reason: .changed)
        (change.policy, change.detail) = ("sha256:1", ["from": "sha256:0"])
        try scene.add(change, minutesAgo: 60)
        try scene.refuse("20.21.208.105", .entryExpired, minutesAgo: 50)
        #expect(
            try findings().map {
                $0.text.hasSuffix("refused since once (entry_expired), the last 50 min ago")
            } == [true])
    }

    @Test func whoWasRefusedForAnotherReasonOrBeforeOrOnAnotherChannelIsNotLost() throws {
        try scene.accept("20.21.208.105", minutesAgo: 100)
        try scene.refuse("20.21.208.105", .badSecret, minutesAgo: 50)
        try scene.refuse("20.21.208.105", .wrongChannel, channel: .sftp, minutesAgo: 40)
        try scene.refuse("198.51.100.7", minutesAgo: 30)
        try scene.refuse("20.21.208.107", minutesAgo: 20)
        try scene.accept("20.21.208.107", minutesAgo: 10)
        #expect(try findings().isEmpty)
    }

    @Test func whoIsLetInAgainByTheListsAsTheyAreIsNotLost() throws {
        try scene.accept("20.21.208.105", minutesAgo: 100)
        try scene.refuse("20.21.208.105", minutesAgo: 50)
        #expect(try findings().count == 1)
        #expect(try findings(try LedgerScene.policy("20.21.208.0/24")).isEmpty)
    }

    @Test func amongThousandsOfStrangersItIsStillFound() throws {
        try scene.accept("20.21.208.105", minutesAgo: 3000)
        try scene.refuse("20.21.208.105", minutesAgo: 2999)
        for number in 0..<UInt16(2500) {
            try scene.refuse("198.51.\(number >> 8).\(number & 0xFF)", minutesAgo: 2900 - Int(number))
        }
        #expect(try findings().count == 1)
    }
}
