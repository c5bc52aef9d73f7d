// Private addresses in place of callers, as doctor tells them.
import Admission
import Ledger
import Testing

@testable import Reachability

@Suite struct TranslationCheckTests {
    private let scene: LedgerScene

    init() throws { scene = try LedgerScene() }

    private func finding(_ policy: Policy? = nil, own: [String] = []) throws -> Finding? {
        let own = Set(try own.map { try IPAddress($0) })
        return try TranslationCheck(
            policy: policy, own: own, reader: try scene.reader(), now: LedgerScene.now
        )
        .findings().first
    }

    @Test(arguments: [
        "10.0.0.1", "172.16.9.9", "192.168.1.1", "100.64.0.1", "169.254.3.4", "fd00::7", "127.0.0.1", "::1",
    ])
    func oneRequestFromAPrivateAddressAndNoneFromOutsideIsEnough(_ ip: String) throws {
        try scene.refuse(ip, kind: .request, minutesAgo: 7)
        let found = try #require(try finding(try LedgerScene.policy("20.21.208.105")))
        #expect(found.state == .warn)
        #expect(
            found.text
                == "1 of the last attempts, the first 7 min ago, came from private addresses, \(ip) (1), and none from "
                + "outside: a NAT or a load balancer hides the sources, or somebody inside calls")
        #expect(found.fix?.contains("dropgate attempts --source \(ip)") == true)
    }

    @Test func severalBalancersAreNamedTogether() throws {
        for last in 1...5 { try scene.refuse("10.0.0.\(last)", count: Int64(last), minutesAgo: 60 - last) }
        let text = try #require(try finding()).text
        #expect(
            text.contains("15 of the last attempts")
                && text.contains("10.0.0.5 (5), 10.0.0.4 (4), 10.0.0.3 (3) and 2 more"))
    }

    @Test func whoWasSeenAsHimselfMeanwhileShowsThatNothingIsHidden() throws {
        for minutes in [50, 40, 30] { try scene.refuse("10.0.0.1", minutesAgo: minutes) }
        try scene.accept("20.21.208.105", minutesAgo: 20)
        for minutes in [15, 10, 5] { try scene.refuse("10.0.0.1", minutesAgo: minutes) }
        #expect(try finding() == nil, "a monitor inside")
    }

    @Test func aTranslationThatBeganTodayIsSeenAfterAFewAttempts() throws {
        try scene.accept("20.21.208.105", minutesAgo: 600)
        for minutes in [30, 20] { try scene.refuse("10.0.0.1", minutesAgo: minutes) }
        #expect(try finding() == nil)
        try scene.refuse("10.0.0.1", minutesAgo: 10)
        #expect(
            try #require(try finding()).text.contains("10.0.0.1 (3), and nobody from outside since 10 h ago"))
    }

    @Test func connectionsOfThisMachineThatSayNothingAreItsMonitors() throws {
        for minutes in 0..<19 {
            try scene.refuse(minutes % 2 == 0 ? "10.0.0.2" : "127.0.0.1", minutesAgo: 60 - minutes)
        }
        #expect(try finding(own: ["10.0.0.2"]) == nil)
        for _ in 0..<30 { try scene.refuse("10.0.0.2", minutesAgo: 1) }
        #expect(try finding(own: ["10.0.0.2"]) != nil, "a proxy on this machine")
    }

    @Test func privateAddressesThatAreListedAreExpected() throws {
        let policy = try LedgerScene.policy("10.0.0.0/8")
        for minutes in [50, 40] { try scene.accept("10.1.1.1", minutesAgo: minutes) }
        try scene.refuse("192.168.3.3", minutesAgo: 30)
        #expect(try finding(policy) == nil)
    }

    @Test func lookingAtThePortSaysNothing() throws {
        try scene.refuse("10.0.0.1", .incomplete, minutesAgo: 5)
        #expect(try finding() == nil)
    }
}
