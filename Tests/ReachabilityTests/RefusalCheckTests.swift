// Who was refused of late, as doctor tells it.
import Admission
import Ledger
import Testing

@testable import Reachability

@Suite struct RefusalCheckTests {
    private let scene: LedgerScene

    init() throws { scene = try LedgerScene() }

    private func findings(_ policy: Policy?) throws -> [Finding] {
        try RefusalCheck(policy: policy, reader: try scene.reader(), now: LedgerScene.now).findings()
    }

    @Test func theNearestToAListedAddressComesFirstWithWhatWhyAndHowOften() throws {
        try scene.refuse("20.21.208.105", .badSecret, kind: .request, minutesAgo: 1500)
        for minutes in [60, 50, 40] { try scene.refuse("198.51.100.9", minutesAgo: minutes) }
        try scene.refuse("20.21.208.99", minutesAgo: 30)
        try scene.refuse("20.21.208.99", .notListed, channel: .sftp, count: 4, minutesAgo: 20)
        try scene.refuse("20.21.208.105", .badSecret, kind: .request, minutesAgo: 10)
        let found = try findings(try LedgerScene.policy("20.21.208.105"))
        #expect(found.map(\.state) == [.warn, .warn, .ok])
        #expect(
            found[0].text
                == "20.21.208.105 was refused once in the last 24 hours (webhook bad_secret 1), 10 min ago; it is listed: "
                + "vsee/clinic 20.21.208.105/32")
        #expect(
            found[1].text
                == "20.21.208.99 was refused 5 times in the last 24 hours (sftp not_listed 4, webhook not_listed 1), the "
                + "first 30 min ago, the last 20 min ago; its first 28 of 32 bits are those of vsee/clinic 20.21.208.105/32"
        )
        #expect(found[2].text.hasPrefix("198.51.100.9 was refused 3 times"))
        #expect(found[2].fix == "dropgate attempts --source 198.51.100.9 --verdict rejected --since 1d")
    }

    @Test func moreThanTenSourcesAreCountedTogether() throws {
        for last in 1...14 { try scene.refuse("198.51.100.\(last)", count: 2, minutesAgo: 100 - last) }
        let found = try findings(try LedgerScene.policy("20.21.208.105"))
        #expect(found.count == 11)
        #expect(found.last?.text == "other sources were refused 8 times in the last 24 hours")
        #expect(found.last?.fix == "dropgate attempts --verdict rejected --since 1d")
    }

    @Test func aNeighbourOfIPv6IsNearToo() throws {
        try scene.refuse("2001:db8:1::9", minutesAgo: 5)
        let found = try findings(try LedgerScene.policy("2001:db8:1::1", "20.21.208.105"))
        #expect(found[0].state == .warn && found[0].text.contains("its first 124 of 128 bits"))
    }

    @Test func anotherNetworkOfTheSameProviderIsNotNear() throws {
        try scene.refuse("20.21.209.99", minutesAgo: 5)
        let found = try findings(try LedgerScene.policy("20.21.208.105"))
        #expect(found.map(\.state) == [.ok] && found[0].text.hasSuffix("no listed address is near"))
    }

    @Test func nobodyRefusedIsWell() throws {
        try scene.accept("20.21.208.105", minutesAgo: 5)
        try scene.refuse("198.51.100.1", minutesAgo: 5)
        #expect(try findings(nil).map(\.state) == [.ok], "without lists nobody is near")
        let empty = try LedgerScene()
        let found = try RefusalCheck(policy: nil, reader: try empty.reader(), now: LedgerScene.now).findings()
        #expect(found.map(\.text) == ["nobody was refused in the last 24 hours"])
    }

    @Test func aFloodOfSourcesLetsTheFarthestGoAndCountsThem() throws {
        var summary = RefusalSummary(entries: try LedgerScene.policy("20.21.208.105").entries)
        let kind = RefusalSummary.Kind(channel: .sftp, reason: .notListed)
        summary.add(try IPAddress("20.21.208.104"), kind, first: LedgerScene.now, last: LedgerScene.now)
        for number in 0..<UInt16(10_000) {
            let ip = try #require(IPAddress(bytes: [198, 51, UInt8(number >> 8), UInt8(number & 0xFF)]))
            summary.add(ip, kind, first: LedgerScene.now, last: LedgerScene.now)
        }
        let sources = summary.sorted
        #expect(sources.count <= RefusalSummary.most)
        #expect(try sources.first?.ip == IPAddress("20.21.208.104"))
        #expect(sources.reduce(summary.forgotten) { $0 + $1.attempts } == 10_001)
    }
}
