// A gate with a past: lists that changed while it ran, and a stop.
import Admission
import Daemon
import Foundation
import Intake
import JSON
import Ledger
import Logging
import Synchronization
import Testing

/// A gate that ran for some days: .105 was listed from day 0, let in on day 1, replaced by .106 on day 2 and stopped on day 4.
struct OldGate {
    static let day = Duration.seconds(86_400)

    let gate: TestGate
    let start: Instant
    let drop: String
    let seq: Int64
    let old: String
    let new: String

    final class Clock: Sendable {
        private let time: Mutex<Instant>
        init(_ start: Instant) { time = Mutex(start) }
        func set(_ now: Instant) { time.withLock { $0 = now } }
        var now: Instant { time.withLock { $0 } }
    }

    init() async throws {
        gate = try TestGate.plain(
            entries: TestGate.entry
                + "    owner: integration\n    review_by: 2027-02-01\n    document: {title: Diagram, read: 2026-11-01}\n"
        )
        start = Instant.now() - Self.day * 10
        let clock = Clock(start)
        let intake = try gate.openIntake { clock.now }
        old = intake.policy.version
        try await Self.service(.started, intake)
        clock.set(start + Self.day)
        let resolver = try AddressResolver(mode: .direct, trustedProxies: [])
        let source = resolver.resolve(peer: Endpoint(ip: try IPAddress("20.21.208.105")))
        let outcome = try await intake.receive(
            WebhookEvent(
                path: "/", body: [0x7B, 0x7D], eventID: "1", eventType: "e", envelope: "v2", contentType: nil),
            attempt: Attempt(
                kind: .request, channel: .webhook, decision: intake.admit(source, channel: .webhook)))
        (drop, seq) = (outcome.id, outcome.seq)
        clock.set(start + Self.day * 2)
        let reloader = PolicyReloader(
            patterns: [gate.path("sources/*.yaml")], intake: intake,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        await reloader.look()
        let text = try gate.read("sources/vsee.yaml")
        try gate.write("sources/vsee.yaml", text.replacingOccurrences(of: ".105", with: ".106"))
        await reloader.look(isAsked: true)
        new = intake.policy.version
        clock.set(start + Self.day * 3)
        try await intake.record(
            Attempt(kind: .connection, channel: .webhook, decision: intake.admit(source, channel: .webhook)))
        clock.set(start + Self.day * 4)
        try await Self.service(.stopped, intake)
        await intake.close()
    }

    private static func service(_ reason: Reason, _ intake: Intake) async throws {
        var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: reason)
        attempt.policy = intake.policy.version
        try await intake.record(attempt)
        // A change of accounts is a change, too, and says nothing of the lists.
        try await intake.record(Attempt(kind: .policy, channel: .sftp, verdict: .accepted, reason: .changed))
    }

    func explain(_ ip: String, day: Double) async throws -> (
        status: Int32, json: JSONValue, text: TestGate.Answer
    ) {
        let at = "\(start + .seconds(day * 86_400))"
        let arguments = [
            "source", "explain", ip, "--channel", "webhook", "--at", at, "--config", gate.config,
        ]
        let json = await TestGate.run(arguments + ["--format", "json"])
        let value = try #require(try JSONValue(parsing: Array(json.out.utf8)).array?.first)
        return (json.status, value, await TestGate.run(arguments))
    }

    func file(_ version: String) throws -> String {
        gate.path("state/policies/\(try #require(PolicyArchive.fileName(version)))")
    }
}
