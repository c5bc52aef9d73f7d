// Withdrawn drops that could not be moved to quarantine when they were withdrawn, or of which the ledger did not hear that they are
// there: both are made good while the gate runs, and at the next start.
import Foundation
import Ledger
import LedgerSupport
import Staging
import Support
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1)), .largeAndSmall) struct PuttingAwayTests: SenderTests {
    let clock = TestClock()

    /// A file where the account's quarantine is to be keeps its drops out of there.
    private func obstruct(_ directory: TemporaryDirectory) throws {
        let place = directory.file("staging/quarantine/sftp")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try Data().write(to: URL(filePath: place + "/acme"))
    }

    private func unobstruct(_ directory: TemporaryDirectory) throws {
        try FileManager.default.removeItem(atPath: directory.file("staging/quarantine/sftp/acme"))
    }

    /// The reason in the receipt of what lies in quarantine.
    private func reason(_ drop: String, _ gate: Gate) throws -> String? {
        try gate.intake.staging.quarantinedUpload(drop, of: "acme")?.reason
    }

    /// It expires, since nobody gave it a final name, or its sender takes it back.
    @Test(arguments: [true, false], [true, false])
    func whatIsMovedLaterHasTheReasonThatItWasWithdrawnFor(expires: Bool, isRestarted: Bool) async throws {
        let directory = try TemporaryDirectory("away")
        let drop: String
        do {
            let gate = try gate(directory) { $0.retention.resumeFor = .seconds(100) }
            let session = try gate.intake.beginSession(of: "acme")
            drop = try await send("a", "1", session, gate)
            try await rename("a", "a.tmp", session, gate)
            try obstruct(directory)
            if expires {
                clock.pass(.seconds(101))
                await release([drop], gate)
            } else {
                try await remove("a.tmp", session, gate)
            }
            #expect(gate.intake.health.problems["withdrawal"]?.contains(drop) == true)
            try unobstruct(directory)
            if !isRestarted {
                try await gate.intake.sweepStaging()
                #expect(gate.intake.health.problems["withdrawal"] == nil)
                #expect(try record(drop, gate)?.incoming == nil)
                #expect(try reason(drop, gate) == (expires ? "incomplete" : "withdrawn"))
            }
        }
        if isRestarted {
            let gate = try restarted(directory)
            #expect(try reason(drop, gate) == (expires ? "incomplete" : "withdrawn"))
            #expect(quarantined(gate).sorted() == ["\(drop)/a.tmp", "\(drop)/receipt.json"])
        }
    }

    @Test func whatTheLedgerDidNotHearItHearsFromALaterSweep() async throws {
        let disk = FailingDisk()
        let gate = try gate(disk: disk)
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send("a", "1", session, gate)
        // The withdrawal is written, and that its file is in quarantine is not.
        disk.commitsLeft = 1
        try await remove("a", session, gate)
        while !gate.intake.health.has(problem: "withdrawal") { await Task.yield() }
        #expect(quarantined(gate).sorted() == ["\(drop)/a", "\(drop)/receipt.json"])
        let message = try #require(gate.intake.health.problems["withdrawal"])
        #expect(message.contains(drop) && message.contains("the ledger could not be told"))
        try await gate.intake.sweepStaging()
        #expect(gate.intake.health.has(problem: "withdrawal"))
        #expect(try record(drop, gate)?.incoming != nil)
        disk.commitsLeft = .max
        try await gate.intake.sweepStaging()
        #expect(!gate.intake.health.has(problem: "withdrawal"))
        #expect(try record(drop, gate)?.incoming == nil)
        #expect(quarantined(gate).sorted() == ["\(drop)/a", "\(drop)/receipt.json"])
        #expect(try reason(drop, gate) == "withdrawn")
        await gate.intake.close()
    }

    @Test func aDropThatCannotBePutAwayKeepsNoOtherFromIt() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        // They have their turns in this order.
        let first = try await send("a", "1", session, gate)
        let second = try await send("b", "2", session, gate)
        try #require(first < second)
        try obstruct(gate.directory)
        for name in ["a", "b"] { try await remove(name, session, gate) }
        try unobstruct(gate.directory)
        let obstacle = gate.directory.file("staging/quarantine/sftp/acme/\(first)/a")
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        try await gate.intake.sweepStaging()
        #expect(
            quarantined(gate).sorted()
                == ["\(first)/receipt.json", "\(second)/b", "\(second)/receipt.json"].sorted())
        let message = try #require(gate.intake.health.problems["withdrawal"])
        #expect(message.contains(first) && !message.contains(second))
        #expect(try record(first, gate)?.incoming != nil && record(second, gate)?.incoming == nil)
        try FileManager.default.removeItem(atPath: obstacle)
        try await gate.intake.sweepStaging()
        #expect(gate.intake.health.problems["withdrawal"] == nil)
        #expect(try record(first, gate)?.incoming == nil && quarantined(gate).contains("\(first)/a"))
        await gate.intake.close()
    }
}
