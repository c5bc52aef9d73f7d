// Witnesses that answer, fail and stay silent: how long they hold anything up, and where it shows.
import Blocking
import Dispatch
import Foundation
import Intake
import Ledger
import Metering
import Support
import Synchronization
import Testing
import Upkeep

/// Does as the test says; silent, it waits until its task is cancelled.
private final class FakeWitness: Witness {
    enum Behaviour: Sendable { case takes, fails, isSilent }
    struct Full: Error, CustomStringConvertible { let description = "it is full" }

    let name: String
    private let behaviour: Mutex<Behaviour>
    private let kept = Mutex(0)
    private let newestSize = Mutex<Int64?>(nil)

    init(_ name: String, _ behaviour: Behaviour) {
        self.name = name
        self.behaviour = Mutex(behaviour)
    }

    var count: Int { kept.withLock { $0 } }
    /// Of the newest checkpoint that it has taken.
    var size: Int64? { newestSize.withLock { $0 } }
    func become(_ new: Behaviour) { behaviour.withLock { $0 = new } }

    private func behave() async throws {
        switch behaviour.withLock({ $0 }) {
        case .takes: kept.withLock { $0 += 1 }
        case .fails: throw Full()
        case .isSilent: try await untilCancelled()
        }
    }

    func keep(_ checkpoint: SignedCheckpoint) async throws {
        try await behave()
        newestSize.withLock { $0 = checkpoint.checkpoint.size }
    }

    func newest() async throws -> SignedCheckpoint? {
        try await behave()
        return nil
    }
}

@Suite(.timeLimit(.minutes(1))) struct WitnessTests {
    private let gate: Gate
    private let key: NoteSigner

    init() throws {
        gate = try Gate()
        key = try NoteSigner(name: "t/dropgate")
    }

    private func checkpointer(_ witnesses: [FakeWitness]) -> Checkpointer {
        Checkpointer(
            gate.intake, key: key, every: .seconds(1),
            archive: CheckpointFile(directory: gate.directory.file("checkpoints")), witnesses: witnesses)
    }

    private func figure(_ name: String, _ witness: String = "w") -> Int64? {
        let line = gate.intake.metrics.text.split(separator: "\n").first {
            $0.hasPrefix("\(name){witness=\"\(witness)\"} ")
        }
        return line?.split(separator: " ").last.flatMap { Int64($0) }
    }

    @Test func allWitnessesAreAskedAtOnceWithOneBound() async throws {
        let witnesses: [any Witness] =
            (0..<20).map { FakeWitness("silent \($0)", .isSilent) } + [
                FakeWitness("good", .takes), FakeWitness("full", .fails),
            ]
        let start = ContinuousClock.now
        let answers = await witnesses.newest(within: .milliseconds(300))
        #expect(ContinuousClock.now - start < .seconds(3), "one after the other is 6 s")
        for answer in answers.prefix(20) { #expect(throws: TimeoutError.self) { try answer.get() } }
        #expect(try answers[20].get() == nil)
        #expect(throws: FakeWitness.Full.self) { try answers[21].get() }
    }

    @Test func aWitnessThatFailsIsAProblemUntilItTakesACheckpoint() async throws {
        let (bad, good) = (FakeWitness("w", .fails), FakeWitness("v", .takes))
        let checkpointer = checkpointer([bad, good])
        try await gate.intake.record(Gate.accepted)
        await checkpointer.finish()
        let problem = try #require(gate.intake.health.problems["witness"])
        #expect(problem.contains("witness w") && problem.contains("it is full"), "\(problem)")
        #expect(!problem.contains("witness v"))
        #expect(gate.intake.accepts, "somebody must look, and the gate goes on")
        #expect(try #require(figure("dropgate_ledger_witness_failure_timestamp_seconds")) > 0)
        #expect(figure("dropgate_ledger_witness_success_timestamp_seconds") == 0)

        bad.become(.takes)
        await checkpointer.finish()
        #expect(gate.intake.health.problems == [:])
        #expect(try #require(figure("dropgate_ledger_witness_success_timestamp_seconds")) > 0)
        #expect(good.count == 2)
    }

    /// A checkpoint's time is the newest entry's, which is years ahead of a clock that once was.
    @Test func anIdleHeadIsSignedAgainAlsoWhereTheLedgerIsAheadOfTheClock() async throws {
        let clock = TestClock()
        let gate = try Gate(clock: clock)
        let uptime = Mutex(Duration.zero)
        let witness = FakeWitness("w", .takes)
        let checkpointer = Checkpointer(
            gate.intake, key: key, every: .milliseconds(1),
            archive: CheckpointFile(directory: gate.directory.file("checkpoints")), witnesses: [witness],
            uptime: { uptime.withLock(\.self) })
        let leap = Duration.seconds(3650 * 86_400)
        clock.pass(leap)
        try await gate.intake.record(Gate.accepted)
        clock.pass(.zero - leap)
        let running = Task { try await checkpointer.run() }
        while witness.count < 1 { await Task.yield() }
        uptime.withLock { $0 += Checkpointer.idle }
        while witness.count < 2 { await Task.yield() }
        running.cancel()
        try await running.value

        await checkpointer.finish()
        try await gate.intake.record(Gate.accepted)
        uptime.withLock { $0 += .seconds(90) }
        #expect(gate.intake.metrics.text.contains("dropgate_ledger_unwitnessed_seconds 90\n"))
    }

    @Test func theProblemStandsUntilTheLastWitnessWorks() async throws {
        let (first, second) = (FakeWitness("a", .fails), FakeWitness("b", .fails))
        let checkpointer = checkpointer([first, second])
        try await gate.intake.record(Gate.accepted)
        await checkpointer.finish()
        first.become(.takes)
        await checkpointer.finish()
        #expect(gate.intake.health.problems["witness"]?.contains("witness b") == true)
        #expect(gate.intake.health.problems["witness"]?.contains("witness a") == false)
    }

    /// Nothing is appended meanwhile, and the time for another checkpoint does not come.
    @Test func aCheckpointThatCannotBeKeptIsTriedAgainUntilItCan() async throws {
        let place = gate.directory.file("checkpoints")
        let checkpointer = Checkpointer(
            gate.intake, key: key, every: .milliseconds(1), archive: CheckpointFile(directory: place),
            witnesses: [], uptime: { .zero })
        try await gate.intake.record(Gate.accepted)
        try await checkpointer.sign()
        let files = FileManager.default
        try files.removeItem(atPath: place)
        try "in its place".write(toFile: place, atomically: false, encoding: .utf8)
        try await gate.intake.record(Gate.accepted)
        let running = Task { try await checkpointer.run() }
        while gate.intake.health.problems["checkpoint"] == nil { await Task.yield() }
        try files.removeItem(atPath: place)
        while gate.intake.health.problems["checkpoint"] != nil { await Task.yield() }
        running.cancel()
        try await running.value
    }

    /// What is signed is evidence also where the ledger's own disk does not take its copy.
    @Test func witnessesGetWhatCannotBeKeptBesideTheLedger() async throws {
        let place = gate.directory.file("checkpoints")
        try "in its place".write(toFile: place, atomically: false, encoding: .utf8)
        let witness = FakeWitness("w", .takes)
        let checkpointer = Checkpointer(
            gate.intake, key: key, every: .milliseconds(1), archive: CheckpointFile(directory: place),
            witnesses: [witness], uptime: { .zero })
        try await gate.intake.record(Gate.accepted)
        let running = Task { try await checkpointer.run() }
        while witness.size != 1 || gate.intake.health.problems["checkpoint"] == nil { await Task.yield() }
        let next = try NoteSigner(name: "t/dropgate")
        await #expect(throws: LedgerError.self) {
            _ = try await checkpointer.rotate(to: next, detail: [:]) {}
        }
        while witness.size != 2 { await Task.yield() }
        running.cancel()
        try await running.value

        try await gate.intake.record(Gate.accepted)
        await checkpointer.finish()
        #expect(witness.size == 3)
        let problem = try #require(gate.intake.health.problems["checkpoint"])
        #expect(problem.contains(place), "\(problem)")
    }

    @Test func theProblemOfCheckpointsEndsWithOneThatSomebodyAsksFor() async throws {
        let checkpointer = checkpointer([])
        let place = gate.directory.file("checkpoints")
        try "in its place".write(toFile: place, atomically: false, encoding: .utf8)
        try await gate.intake.record(Gate.accepted)
        await #expect(throws: LedgerError.self) { try await checkpointer.sign() }
        #expect(gate.intake.health.problems["checkpoint"] != nil)
        try FileManager.default.removeItem(atPath: place)
        try await checkpointer.sign()
        #expect(gate.intake.health.problems == [:])
    }

    @Test func aStopWaitsForSilentWitnessesNoLongerThanItsBound() async throws {
        let (silent, good) = (FakeWitness("w", .isSilent), FakeWitness("v", .takes))
        let checkpointer = checkpointer([silent, good])
        try await gate.intake.record(Gate.accepted)
        let start = ContinuousClock.now
        try? await within(.milliseconds(300)) { await checkpointer.finish() }
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(good.count == 1, "who answers gets the last checkpoint all the same")
        #expect(gate.intake.health.problems == [:], "it was not given the time to fail")
    }
}
