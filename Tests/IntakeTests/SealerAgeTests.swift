// When entries are old enough to be sealed or removed: by when they were written, though the clock was wrong meanwhile.
import Admission
import Ledger
import Support
import Testing
import Upkeep

@testable import Intake

@Suite struct SealerAgeTests {
    private static let day = Duration.seconds(86_400)
    private static let decade = Duration.seconds(86_400 * 3650)

    private let clock = TestClock()
    private let gate: Gate

    init() throws { gate = try Gate(clock: clock) }

    private func record(_ count: Int) async throws {
        for _ in 0..<count {
            try await gate.intake.record(
                Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed))
        }
    }

    /// One entry of a clock that is ten years ahead: all after it have its time.
    private func leap() async throws {
        clock.pass(Self.decade)
        try await record(1)
        clock.pass(.zero - Self.decade)
    }

    /// Seals after 30 days and removes after 60.
    /// - Returns: how many segments are sealed by now, and how many of them removed.
    private func sweep() async throws -> [Int] {
        try await Sealer(gate.intake, sealAfter: Self.day * 30, retain: Self.day * 60, width: 256).sweep()
        #expect(gate.intake.health.problems.isEmpty)
        let segments = try gate.intake.ledger.sealing().segments()
        return [segments.count, segments.count { $0.removalEntry != nil }]
    }

    @Test func afterALeapAheadEntriesAreSealedAndRemovedAtTheirTrueAge() async throws {
        try await leap()
        try await record(512)
        for (pass, expected) in [(29, [0, 0]), (2, [2, 0]), (28, [2, 0]), (2, [2, 2])] {
            clock.pass(Self.day * pass)
            #expect(try await sweep() == expected)
        }
        #expect(try gate.intake.ledger.verifier(trusted: []).verify().removed == [0...255, 256...511])
        await gate.intake.close()
    }

    /// All entries after a leap are one run of a clock that is behind the ledger, which may go on for years.
    @Test func entriesAfterALeapAreEachAsOldAsTheyAre() async throws {
        try await leap()
        try await record(255)
        clock.pass(Self.day * 20)
        try await record(257)
        for (pass, expected) in [
            (11, [1, 0]), (18, [1, 0]), (2, [2, 0]), (10, [2, 1]), (18, [2, 1]), (2, [2, 2]),
        ] {
            clock.pass(Self.day * pass)
            #expect(try await sweep() == expected)
        }
        await gate.intake.close()
    }

    @Test(arguments: [false, true]) func entriesOfAClockThatIsYearsBehindMakeNothingOld(
        afterALeap: Bool
    ) async throws {
        if afterALeap { try await leap() } else { try await record(1) }
        try await record(254)
        clock.pass(.zero - Self.decade)
        // The last one of its segment, and the next.
        try await record(2)
        #expect(try await sweep() == [0, 0])
        clock.pass(Self.decade)
        try await record(256)
        for (pass, expected) in [(0, [0, 0]), (29, [0, 0]), (2, [2, 0]), (28, [2, 0]), (2, [2, 2])] {
            clock.pass(Self.day * pass)
            #expect(try await sweep() == expected)
        }
        await gate.intake.close()
    }

    /// Their own times are those of the last entry before them.
    @Test func entriesOfAClockThatIsBehindAreAsYoungAsTheFirstAfterThem() async throws {
        try await record(255)
        clock.pass(Self.day * 20 - Self.decade)
        try await record(2)
        clock.pass(Self.decade + Self.day * 40)
        #expect(try await sweep() == [0, 0], "nothing tells yet when the last one was written")
        try await record(1)
        for (pass, expected) in [(29, [0, 0]), (2, [1, 0])] {
            clock.pass(Self.day * pass)
            #expect(try await sweep() == expected)
        }
        await gate.intake.close()
    }
}
