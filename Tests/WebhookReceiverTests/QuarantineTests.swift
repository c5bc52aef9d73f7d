// `unlisted: quarantine`: who is held, who is not, and that everybody hears the same. And probes' events.
import Admission
import Foundation
import Intake
import Ledger
import Settings
import Staging
import Support
import Testing

@testable import WebhookReceiver

extension Reply {
    /// What every stranger hears.
    fileprivate var isRefusal: Bool {
        status == 403 && json?["error"] == "forbidden" && json?["id"]?.string != nil
    }
}

@Suite struct QuarantineTests {
    private static let secret = "a-path-secret-of-some-length"
    private static let path = "/webhooks/vsee/" + secret

    private static func quarantine(_ settings: inout WebhookSettings) {
        settings.unlisted = .quarantine
        settings.checks.pathSecret = Secret(Array(secret.utf8))
    }

    @Test func anEventUnderTheRightSecretIsHeldAndReleasedOnceItsSourceIsListed() async throws {
        try await LiveGate.serve(tls: true, Self.quarantine) { gate in
            #expect(try await gate.curl(Self.path, from: LiveGate.unlisted, body: Samples.v2).isRefusal)
            #expect(try await gate.staged().isEmpty)
            let held = try gate.intake.staging.quarantinedEvents()
            let receipt = try #require(held.first)
            #expect(held.count == 1 && receipt.source == LiveGate.unlisted)
            let entry = try await gate.entry(.notListed)
            #expect(entry["verdict"] == "rejected" && entry["detail"]?["vsee_shaped"]?.bool == true)
            #expect(entry["seq"]?.int == receipt.seq && entry["drop"]?["id"]?.string == receipt.drop)
            #expect(entry["detail"]?["message"]?.string?.contains("may have changed") == true)
            #expect(entry["request"]?["path"] == "/webhooks/vsee/***")

            await #expect(throws: IntakeError.self) { try await gate.intake.releaseHeld(receipt.drop) }
            #expect(try gate.intake.staging.quarantinedEvents().count == 1)
            gate.intake.use(try Self.listing(LiveGate.unlisted))
            let outcome = try await gate.intake.releaseHeld(receipt.drop)
            #expect(outcome.status == .stored && outcome.id == receipt.drop)
            #expect(try await gate.staged() == [Samples.v2])
            #expect(try gate.intake.staging.quarantinedEvents().isEmpty)
            await #expect(throws: IntakeError.self) { try await gate.intake.releaseHeld(receipt.drop) }
            // The same event from the address that is listed now is the one that was released.
            let again = try await gate.curl(Self.path, from: LiveGate.unlisted, body: Samples.v2)
            #expect(again.json?["status"] == "duplicate" && again.json?["id"]?.string == receipt.drop)
        }
    }

    private static func listing(_ ip: String) throws -> Policy {
        try Policy(entries: [
            SourceEntry(list: "new", service: "clinic", cidr: try CIDRBlock(ip), channels: [.webhook])
        ])
    }

    @Test(arguments: [
        ("/webhooks/vsee", Samples.v2), ("/webhooks/vsee/another-secret-of-some-length", Samples.v2),
        (QuarantineTests.path, "{}"), (QuarantineTests.path, "not JSON"), (QuarantineTests.path, ""),
        (QuarantineTests.path, Samples.v2.replacingOccurrences(of: "visit.ended", with: "visit.moved")),
        (QuarantineTests.path, Samples.v2.replacingOccurrences(of: "\"xxx\"", with: "\"dropgate-probe\"")),
        ("/reachability", Samples.v2),
    ])
    func nothingElseIsHeldAndTheAnswerIsTheSame(path: String, body: String) async throws {
        try await LiveGate.serve(Self.quarantine) { gate in
            #expect(try await gate.curl(path, from: LiveGate.unlisted, body: body).isRefusal)
            let entry = try await gate.entry(.notListed)
            #expect(entry["detail"]?["vsee_shaped"] == nil && entry["verdict"] == "rejected")
            #expect(try gate.intake.staging.quarantinedEvents().isEmpty)
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test func aLongBodyIsRefusedAsAnyStranger() async throws {
        let long = Samples.v2.replacingOccurrences(
            of: "cancelled", with: String(repeating: "x", count: Reception.longestStranger))
        try await LiveGate.serve(Self.quarantine) { gate in
            for options in [[], ["-H", "transfer-encoding: chunked"]] {
                let reply = try await gate.curl(
                    Self.path, from: LiveGate.unlisted, body: long, options: options, headers: ["expect:"])
                #expect(reply.isRefusal)
            }
            #expect(try gate.intake.staging.quarantinedEvents().isEmpty)
            #expect(
                try await gate.entries().allSatisfy {
                    $0["reason"] == "not_listed" || $0["kind"] == "service"
                })
        }
    }

    @Test func aRepeatIsHeldOnceAndQuarantineIsBounded() async throws {
        try await LiveGate.serve(Self.quarantine) { gate in
            for _ in 1...3 { _ = try await gate.curl(Self.path, from: LiveGate.unlisted, body: Samples.v2) }
            #expect(try gate.intake.staging.quarantinedEvents().count == 1)
            for number in 0..<4 {
                let body = Samples.v2.replacingOccurrences(of: "28540", with: "\(number)")
                _ = try await gate.curl(Self.path, from: LiveGate.unlisted, body: body)
            }
            #expect(try gate.intake.staging.quarantinedEvents().count == 3)
            let entries = try await gate.entries().filter { $0["detail"]?["vsee_shaped"]?.bool == true }
            #expect(entries.count == 7 && entries.filter { $0["detail"]?["held"]?.bool == true }.count == 3)
        }
    }

    @Test func aSignatureCountsAsTheSecret() async throws {
        try await LiveGate.serve {
            $0.unlisted = .quarantine
            $0.checks.standardWebhooks = [Secret(Array(repeating: 7, count: 24))]
        } body: { gate in
            let headers = ["webhook-id: 1", "webhook-timestamp: 1", "webhook-signature: v1,AAAA"]
            let reply = try await gate.curl(from: LiveGate.unlisted, body: Samples.v2, headers: headers)
            #expect(reply.isRefusal)
            #expect(try gate.intake.staging.quarantinedEvents().isEmpty)
        }
    }
}

@Suite struct ProbeEventTests {
    private static let marked = Samples.v2.replacingOccurrences(of: "\"xxx\"", with: "\"dropgate-probe\"")

    @Test func aProbesEventIsRecordedAndNeverStored() async throws {
        try await LiveGate.serve(tls: true) { gate in
            let reply = try await gate.curl(body: Self.marked)
            #expect(reply.status == 200 && reply.json?["status"] == "probe")
            let entry = try await gate.entry(.listed, kind: .probe)
            #expect(entry["seq"]?.int == reply.json?["seq"]?.int && entry["drop"] == nil)
            #expect(reply.json?["entries"]?.array == ["test/clinic", "test/messenger"])
            #expect(reply.json?["tls"]?.string != nil)
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test(arguments: [
        // Two codes are two meanings; the mark elsewhere is somebody's data.
        #"{"version":"2.0","id":"1","type":"visit.ended","clinic_code":"dropgate-probe","clinic_code":"real"}"#,
        #"{"version":"2.0","id":"1","type":"visit.ended","clinic_code":"real","account_code":"dropgate-probe"}"#,
        #"{"version":"2.0","id":"1","type":"visit.ended","clinic_code":"real","data":{"clinic_code":"dropgate-probe"}}"#,
        #"{"version":"2.0","id":"1","type":"visit.moved","clinic_code":"dropgate-probe"}"#,
    ])
    func whatIsNotQuiteAProbeIsStored(body: String) async throws {
        #expect(!Envelope.read(Array(body.utf8)).isProbe)
        try await LiveGate.serve { gate in
            let reply = try await gate.curl(body: body)
            #expect(reply.json?["status"] == "stored")
            #expect(try await gate.staged() == [body])
        }
    }
}
