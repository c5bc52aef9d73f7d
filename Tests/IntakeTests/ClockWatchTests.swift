// The machine's clock is set, forward and back, while the gate runs and while it does not; the clocks are the test's own.
import Admission
import JSON
import Ledger
import LedgerSupport
import Support
import Synchronization
import Testing
import Upkeep

@testable import Intake

@Suite struct ClockWatchTests {
    private let clock = TestClock()
    private let uptime = Uptime()

    private final class Uptime: Sendable {
        private let time = Mutex(Duration.seconds(100))
        var now: Duration { time.withLock { $0 } }
        func pass(_ duration: Duration) { time.withLock { $0 += duration } }
    }

    private func pass(_ duration: Duration) {
        clock.pass(duration)
        uptime.pass(duration)
    }

    private func watch(_ gate: Gate) -> ClockWatch { ClockWatch(gate.intake) { [uptime] in uptime.now } }

    private func changes(_ gate: Gate) throws -> [ClockChange] {
        try gate.entries().compactMap { ClockChange($0["detail"]?[ClockChange.member]) }
    }

    private func problem(_ gate: Gate) -> String? { gate.intake.health.problems[ClockWatch.problem] }

    @Test(arguments: [(-3600, true), (7200, false), (-3, true), (4, false)] as [(Int64, Bool)])
    func aJumpIsAnEntryAndBackwardsAProblem(seconds: Int64, isBehind: Bool) async throws {
        let gate = try Gate(clock: clock)
        let watch = watch(gate)
        try await gate.intake.record(Gate.transfer)
        await watch.look()
        clock.pass(.seconds(seconds))
        await watch.look()
        await watch.look()
        #expect(try changes(gate).map(\.seconds) == [seconds], "told once")
        #expect(try changes(gate).first?.isAtStart == false)
        #expect((problem(gate) != nil) == isBehind)
        let entry = try #require(try gate.entries().last)
        #expect(
            entry["reason"] == "changed" && entry["kind"] == "service" && (entry["clock"] != nil) == isBehind)
    }

    @Test func whatPassesOrIsCorrectedALittleIsNoJump() async throws {
        let gate = try Gate(clock: clock)
        let watch = watch(gate)
        try await gate.intake.record(Gate.transfer)
        await watch.look()
        // The machine slept, and a time server corrected it.
        pass(.seconds(36_000))
        await watch.look()
        for step in [2, -2, 1] as [Int64] {
            clock.pass(.seconds(step))
            await watch.look()
        }
        #expect(try changes(gate).isEmpty && problem(gate) == nil)
    }

    @Test func aClockBehindTheLedgerAtTheStartIsTold() async throws {
        let directory = try TemporaryDirectory("clock")
        try await recordOne(in: directory)
        clock.pass(.seconds(-90_000))
        try await told(in: directory)
    }

    private func recordOne(in directory: TemporaryDirectory) async throws {
        let gate = try Gate(directory, clock: clock)
        try await gate.intake.record(Gate.transfer)
        await gate.intake.close()
    }

    private func told(in directory: TemporaryDirectory) async throws {
        let gate = try Gate(directory, clock: clock)
        let watch = watch(gate)
        await watch.look()
        let change = try #require(try changes(gate).first)
        #expect(change.isAtStart && (-90_000 ... -89_990).contains(change.seconds))
        #expect(problem(gate)?.contains("behind the ledger") == true)
        // The clock reaches the ledger's time by itself.
        pass(.seconds(90_010))
        await watch.look()
        #expect(try changes(gate).count == 1 && problem(gate) == nil)
    }

    @Test func aChangeWaitsForALedgerThatCannotBeWritten() async throws {
        let disk = FailingDisk()
        let gate = try Gate(clock: clock, disk: disk)
        let watch = watch(gate)
        await watch.look()
        disk.fails = true
        clock.pass(.seconds(60))
        await watch.look()
        #expect(try changes(gate).isEmpty)
        disk.fails = false
        await watch.look()
        #expect(try changes(gate).map(\.seconds) == [60])
    }

    @Test func countedRejectionsAreWrittenAfterTheClockWasSetBack() throws {
        var coalescer = FloodCoalescer()
        let start = Instant.now()
        let rejection = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        _ = coalescer.take(rejection, at: start, passes: false)
        #expect(coalescer.flush(at: start + .seconds(1)).isEmpty)
        #expect(coalescer.flush(at: start - .seconds(3600)).map(\.count) == [1])
    }
}
