// A ledger that could not be written: what ends that, where somebody calls and where nobody does.
import Admission
import Foundation
import LedgerSupport
import Support
import Testing

@testable import Intake
@testable import Ledger

@Suite(.timeLimit(.minutes(1))) struct LedgerHealthTests: SenderTests {
    let clock = TestClock()
    private let disk = FailingDisk()

    /// What somebody waits for. Each is another operation of the ledger.
    enum Wish: CaseIterable, Sendable { case append, remove, replace, date, letGo, acknowledge }

    private func ask(for wish: Wish, _ session: SenderSession, _ gate: Gate) async throws {
        switch wish {
        case .append: _ = try await gate.intake.record(Gate.accepted)
        case .remove: try await remove("a", session, gate)
        case .replace: try await rename("b", "a", session, gate, replaces: true)
        case .date:
            try await gate.intake.setAttributes(
                order("a").path, size: nil, modified: 1_700_000_000, session)
        case .letGo: _ = try await gate.intake.release(pulled: DropImportTests.id)
        // Whether there is such a drop, the commit would find.
        case .acknowledge: _ = try await gate.intake.acknowledge("unknown")
        }
    }

    /// A gate that has two uploads and holds a fetched drop, and could not write what somebody waited for.
    private func troubled(
        by wish: Wish = .append
    ) async throws -> (gate: Gate, lines: AsyncStream<String>) {
        let (logger, lines) = LogLines.make()
        let gate = try Gate(clock: clock, disk: disk, logger: logger) { $0.settle = .seconds(5) }
        let session = try gate.intake.beginSession(of: "acme")
        for name in ["a", "b"] { try await send(name, name, session, gate) }
        try Data("data".utf8).write(
            to: URL(filePath: gate.directory.file("staging/incoming/pull/\(DropImportTests.id).part")))
        _ = try await gate.intake.importDrop(
            PulledDrop(
                DropImportTests.receipt(), origin: "sftp://inner@gate-2:2222",
                hostKey: "SHA256:host", peer: IPAddress("10.0.0.9")))
        #expect(gate.intake.accepts && gate.intake.health.problems.isEmpty)
        disk.fails = true
        await #expect(throws: (any Error).self) { try await ask(for: wish, session, gate) }
        #expect(!gate.intake.accepts && gate.intake.health.problems.keys.sorted() == ["ledger"])
        return (gate, lines)
    }

    @Test(arguments: Wish.allCases)
    func whateverIsWrittenShowsThatTheLedgerWorks(failed wish: Wish) async throws {
        let (gate, _) = try await troubled(by: wish)
        disk.fails = false
        // As upkeep does, where nobody calls.
        try await gate.intake.carryOut(.witnessed(name: "w", size: 1, at: gate.intake.now))
        #expect(gate.intake.accepts && gate.intake.health.problems.isEmpty)
        await gate.intake.close()
    }

    @Test func whereNobodyCallsTheGateFindsByItselfThatTheLedgerWorksAgain() async throws {
        let (gate, lines) = try await troubled()
        let size = try gate.intake.ledgerSize()
        disk.fails = false
        for await line in lines where line.contains("can be written again") { break }
        #expect(gate.intake.accepts && gate.intake.health.problems.isEmpty)
        #expect(try gate.intake.ledgerSize() == size, "no entry is made for that")
        await gate.intake.close()
    }

    @Test func whatFindsNothingToChangeSaysNothingOfTheLedger() {
        let ledger = LedgerHealth(health: Health(), logger: LogLines.make().logger)
        let full = LedgerError(.unwritable, "disk full")
        ledger.ended(.failure(LedgerWriter.Failure(error: full, wasWaitedFor: true)))
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
