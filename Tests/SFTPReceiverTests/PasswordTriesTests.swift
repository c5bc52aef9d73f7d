// How wrong passwords slow a source down, and how it is forgotten: by table, and by random histories.
import Admission
import Support
import Testing

@testable import SFTPReceiver

@Suite struct PasswordTriesTests {
    private static let start = ContinuousClock.now

    private func after(_ tries: Int, _ source: IPAddress) -> PasswordTries {
        var table = PasswordTries()
        for _ in 0..<tries { _ = table.failed(source, at: Self.start) }
        return table
    }

    @Test(
        "A few tries cost nothing, more make wait, many take the password away",
        arguments: [
            (0, 0, true), (4, 0, true), (5, 1, true), (6, 2, true), (7, 4, true), (8, 8, true), (9, 10, true),
            (19, 10, true), (20, 0, false), (30, 0, false), (500, 0, false),
        ])
    func steps(tries: Int, seconds: Int, takesPasswords: Bool) throws {
        let source = try IPAddress("192.0.2.1")
        let pace = after(tries, source).pace(source, at: Self.start)
        #expect(pace == Pace(hold: .seconds(seconds), takesPasswords: takesPasswords))
        // Of another source nothing is known.
        #expect(try after(tries, source).pace(IPAddress("192.0.2.2"), at: Self.start) == .free)
    }

    @Test("One try is forgotten every ten seconds, however many there were")
    func decay() throws {
        let source = try IPAddress("192.0.2.1")
        let table = after(1000, source)
        func tries(_ seconds: Int) -> Int { table.tries(source, at: Self.start + .seconds(seconds)) }
        #expect(tries(0) == 30 && tries(1) == 30 && tries(10) == 29 && tries(299) == 1 && tries(300) == 0)
        #expect(!table.pace(source, at: Self.start + .seconds(100)).takesPasswords)
        #expect(table.pace(source, at: Self.start + .seconds(110)).takesPasswords)
        #expect(table.pace(source, at: Self.start + .seconds(260)) == .free)
    }

    @Test("A /64 of IPv6 is one source, an IPv4 address is one")
    func sources() throws {
        let table = after(20, try IPAddress("2001:db8:1:2::1"))
        #expect(try !table.pace(IPAddress("2001:db8:1:2:ffff::9"), at: Self.start).takesPasswords)
        #expect(try table.pace(IPAddress("2001:db8:1:3::1"), at: Self.start) == .free)
        #expect(try after(20, IPAddress("192.0.2.1")).pace(IPAddress("192.0.2.3"), at: Self.start) == .free)
    }

    @Test("The table stays bounded, and who has tried most is remembered longest")
    func bounded() throws {
        let worst = try IPAddress("192.0.2.1")
        var table = after(20, worst)
        for number in 0..<UInt32(2 * PasswordTries.mostSources) {
            let bytes =
                [UInt8](repeating: 10, count: 1)
                + (0..<3).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
            _ = table.failed(
                try #require(IPAddress(bytes: bytes)), at: Self.start + .milliseconds(Int(number)))
            #expect(table.count <= PasswordTries.mostSources)
        }
        #expect(!table.pace(worst, at: Self.start + .seconds(9)).takesPasswords)
    }

    @Test(
        "In any history passwords are bounded by burst and rate, and keys are never refused",
        arguments: 0..<50)
    func histories(seed: Int) throws {
        var random = SplitMix(seed: UInt64(seed))
        let source = try IPAddress("192.0.2.1")
        var table = PasswordTries()
        var now = Self.start
        var taken = 0
        for _ in 0..<2000 {
            now += .milliseconds(Int.random(in: 0..<3000, using: &random))
            let before = table.tries(source, at: now)
            let pace = table.pace(source, at: now)
            #expect(pace.hold <= PasswordTries.longestHold && before <= PasswordTries.kept)
            // Who may show no password is not made to wait with its key.
            #expect(pace.takesPasswords || pace.hold == .zero)
            guard pace.takesPasswords else { continue }
            _ = table.failed(source, at: now)
            taken += 1
            #expect(table.tries(source, at: now) >= before)
            let forgiven = Int(((now - Self.start) / PasswordTries.forgetting).rounded(.up))
            #expect(taken <= PasswordTries.most + forgiven)
        }
    }
}
