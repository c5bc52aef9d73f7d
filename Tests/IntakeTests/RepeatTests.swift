// What is a repeat of an event does not depend on the secret part of the path, nor on the version that stored it.
import Admission
import Foundation
import Ledger
import Staging
import Support
import TLS
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct RepeatTests {
    private func receive(_ gate: Gate, at path: String, id: String? = "e-1", body: String = "{}") async throws
        -> DropOutcome
    {
        var event = Gate.event(id, body: body)
        event.path = path
        return try await gate.intake.receive(event, attempt: Gate.accepted)
    }

    @Test(arguments: [
        ("/webhooks/vsee", "/webhooks/vsee/***"), ("/webhooks/vsee/***", "/webhooks/vsee"),
        ("/webhooks/vsee/", "/webhooks/vsee/***"), ("/", "/***"),
        ("/webhooks/vsee/***", "/webhooks/vsee/***"),
    ])
    func aSecretThatIsAddedOrTakenAwayMakesNoNewEvent(first: String, second: String) async throws {
        let gate = try Gate()
        for id in ["e-1", nil] {
            let stored = try await receive(gate, at: first, id: id)
            let again = try await receive(gate, at: second, id: id)
            #expect(stored.status == .stored && again.status == .duplicate && again.id == stored.id)
        }
        let other = try await receive(gate, at: second, body: "{ }")
        await gate.intake.waitUntilStaged()
        let receipt = try #require(try gate.intake.staging.ready.receipt(other.id))
        #expect(
            other.status == .stored && receipt.sameEventAs != nil, "the same event with another body is told")
    }

    @Test func anotherPathIsAnotherEvent() async throws {
        let gate = try Gate()
        #expect(try await receive(gate, at: "/webhooks/vsee").status == .stored)
        #expect(try await receive(gate, at: "/webhooks/other").status == .stored)
    }

    /// As earlier versions made the keys: of the path as it was, masked.
    @Test(arguments: ["/webhooks/vsee", "/webhooks/vsee/***"])
    func whatAnEarlierVersionStoredIsKnown(path: String) async throws {
        let directory = try TemporaryDirectory("gate")
        let identity = ["webhook", path, "visit.ended", "e-1"]
        let digest = SHA256.hash(data: Array("{}".utf8)).hex
        let id = DropID.make(milliseconds: 5)
        do {
            let gate = try Gate(directory)
            var attempt = Gate.accepted
            attempt.drop = DropFacts(id: id, name: "", bytes: 2, sha256: digest)
            _ = try await gate.intake.append(
                attempt,
                DropRegistration(
                    id: id, content: .body(Array("{}".utf8)), repeatKey: DropKeys.digest(identity + [digest]),
                    eventKey: DropKeys.digest(identity), keepsRepeats: false,
                    readyPath: { _ in "webhook/2026-11-23/081530.123456Z-visit.ended-e_1.json" }))
            await gate.intake.close()
        }
        // As an upgrade leaves it.
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/sqlite3")
        process.arguments = [
            "-cmd", ".timeout 10000", directory.file("ledger.sqlite"),
            "INSERT INTO upgraded (format, drops, time) VALUES (4, 1, 1)",
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let gate = try Gate(directory)
        // With a secret they are looked for as they were; without one there is one look-up an event and no more.
        for again in path.hasSuffix("***") ? [path] : [path, path + "/***"] {
            let again = try await receive(gate, at: again)
            #expect(again.status == .duplicate && again.id == id)
        }
    }
}
