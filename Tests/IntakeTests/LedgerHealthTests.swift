// A ledger that could not be written: what ends that, where somebody calls and where nobody does.
import Foundation
import LedgerSupport
import Support
import Testing

@testable import Intake
@testable import Ledger

@Suite(.timeLimit(.minutes(1))) struct LedgerHealthTests {
    private let disk = FailingDisk()

    /// A gate of which one append has failed.
    private func troubled() async throws -> (gate: Gate, lines: AsyncStream<String>) {
        let (logger, lines) = LogLines.make()
        let gate = try Gate(disk: disk, logger: logger)
        disk.fails = true
        await #expect(throws: FailingDisk.Failure.self) { try await gate.intake.record(Gate.accepted) }
        #expect(!gate.intake.accepts && gate.intake.health.problems["ledger"] != nil)
        return (gate, lines)
    }

    @Test func whateverIsWrittenShowsThatTheLedgerWorks() async throws {
        let (gate, _) = try await troubled()
        disk.fails = false
        // As upkeep does, where nobody calls.
        try await gate.intake.carryOut(.witnessed(name: "w", size: 1, at: gate.intake.now))
        #expect(gate.intake.accepts && gate.intake.health.problems.isEmpty)
        await gate.intake.close()
    }

    @Test func whereNobodyCallsTheGateFindsByItselfThatTheLedgerWorksAgain() async throws {
        let (gate, lines) = try await troubled()
        disk.fails = false
        for await line in lines where line.contains("can be written again") { break }
        #expect(gate.intake.accepts && gate.intake.health.problems.isEmpty)
        #expect(try gate.intake.ledgerSize() == 0, "no entry is made for that")
        await gate.intake.close()
    }

    @Test func whatFindsNothingToChangeSaysNothingOfTheLedger() {
        let ledger = LedgerHealth(health: Health(), logger: LogLines.make().logger)
        let full = LedgerError(.unwritable, "disk full")
        ledger.ended(.failure(LedgerWriter.Failure(error: full, hadEntries: true)))
        func commit(isWritten: Bool) -> Bool {
            ledger.ended(
                .success(LedgerWriter.Commit(operations: 1, duration: .zero, isWritten: isWritten)))
            return !ledger.fails
        }
        #expect(!commit(isWritten: false) && commit(isWritten: true))
    }

    /// A witness or a seal that cannot be noted is a problem of its own.
    @Test func whatIsTheGatesOwnAndFailsStopsNoSender() async throws {
        let gate = try Gate(disk: disk)
        disk.fails = true
        await #expect(throws: FailingDisk.Failure.self) {
            try await gate.intake.carryOut(.witnessed(name: "w", size: 1, at: gate.intake.now))
        }
        #expect(gate.intake.accepts)
        disk.fails = false
        await gate.intake.close()
    }
}
