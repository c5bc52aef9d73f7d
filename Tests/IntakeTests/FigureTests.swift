// What /metrics says of attempts and of room.
import Admission
import Intake
import Ledger
import Metering
import Testing

@Suite struct FigureTests {
    private func value(_ name: String, _ gate: Gate) -> Int64? {
        gate.intake.metrics.text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            .flatMap { Int64($0.dropFirst(name.count + 1)) }
    }

    private func total(_ channel: String, _ verdict: String, _ reason: String) -> String {
        "dropgate_attempts_total{channel=\"\(channel)\",verdict=\"\(verdict)\",reason=\"\(reason)\"}"
    }

    @Test func attemptsAreCountedByChannelVerdictAndReason() async throws {
        let gate = try Gate()
        let accepted = total("webhook", "accepted", "listed")
        #expect(value(accepted, gate) == 0)
        // Each reason to refuse from the start: an alert sees the first one.
        for reason in ["not_listed", "entry_expired", "too_large", "ledger_failed", "rate_limited"] {
            #expect(value(total("sftp", "rejected", reason), gate) == 0)
        }
        for _ in 0..<2 {
            _ = try await gate.intake.receive(Gate.event("e-1", body: "{}"), attempt: Gate.accepted)
        }
        #expect(value(accepted, gate) == 1)
        #expect(value(total("webhook", "accepted", "duplicate"), gate) == 1)
        await gate.intake.close()
    }

    /// Most of a flood has no entry of its own, and every attempt counts.
    @Test func aFloodIsCountedInFull() async throws {
        let gate = try Gate()
        var attempt = Attempt(kind: .login, channel: .sftp, verdict: .rejected, reason: .authFailed)
        attempt.source = Endpoint(ip: try IPAddress("192.0.2.1"))
        for _ in 0..<500 { gate.intake.note(attempt) }
        #expect(value(total("sftp", "rejected", "auth_failed"), gate) == 500)
        await gate.intake.close()
        #expect(value(total("sftp", "rejected", "auth_failed"), gate) == 500)
    }

    @Test func whatTheGateDidItselfIsNoAttempt() async throws {
        let gate = try Gate()
        for kind in [EntryKind.probe, .policy, .service, .access] {
            try await gate.intake.record(
                Attempt(kind: kind, channel: .webhook, verdict: .accepted, reason: .changed))
        }
        #expect(!gate.intake.metrics.text.contains("reason=\"changed\""))
        await gate.intake.close()
    }

    @Test func figuresSayTheirKindAndWhatRoomThereIs() async throws {
        let gate = try Gate { $0.reserveBytes = 4711 }
        let text = gate.intake.metrics.text
        #expect(text.contains("# TYPE dropgate_attempts_total counter\n"))
        #expect(text.contains("# TYPE dropgate_free_bytes gauge\n"))
        for directory in ["staging", "ledger"] {
            let label = "{directory=\"\(directory)\"}"
            #expect(try #require(value("dropgate_free_bytes" + label, gate)) > 0)
            #expect(try #require(value("dropgate_free_inodes" + label, gate)) > 0)
        }
        #expect(value("dropgate_reserve_bytes", gate) == 4711)
        await gate.intake.close()
    }
}
