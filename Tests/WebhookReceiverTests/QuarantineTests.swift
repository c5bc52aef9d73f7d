// `unlisted: quarantine`: who is held, who is not, and that everybody hears the same. And probes' events.
import Admission
import Foundation
import JSON
import Ledger
import Settings
import Staging
import Support
import Testing

@testable import Intake
@testable import WebhookReceiver

extension Reply {
    /// What every unlisted source hears.
    fileprivate var isRefusal: Bool {
        status == 403 && json?["error"] == "forbidden" && json?["id"]?.string != nil
    }
}

extension LiveGate {
    /// Entries of refused events in VSee's form, once there are so many: they are written after the answer.
    fileprivate func shaped(_ count: Int) async throws -> [JSONValue] {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            let found = try await entries().filter { $0["detail"]?["vsee_shaped"]?.bool == true }
            if found.count >= count { return found }
            guard ContinuousClock.now < end else { throw Missing(description: "\(found.count) of \(count)") }
            await Task.yield()
        }
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
            let entry = try await gate.entry(.notListed)
            #expect(try await gate.staged().isEmpty)
            let held = try gate.intake.staging.quarantinedEvents()
            let receipt = try #require(held.first)
            #expect(held.count == 1 && receipt.source == LiveGate.unlisted)
            #expect(entry["verdict"] == "rejected" && entry["detail"]?["vsee_shaped"]?.bool == true)
            #expect(entry["drop"]?["id"]?.string == receipt.drop)
            #expect(entry["detail"]?["message"]?.string?.contains("may have changed") == true)
            #expect(entry["request"]?["path"] == "/webhooks/vsee/***")

            await #expect(throws: IntakeError.self) { try await gate.intake.releaseHeld(receipt.drop) }
            #expect(try gate.intake.staging.quarantinedEvents().count == 1)
            try gate.intake.use(Self.listing(LiveGate.unlisted))
            let outcome = try await gate.intake.releaseHeld(receipt.drop)
            #expect(outcome.status == .stored && outcome.id == receipt.drop)
            #expect(try await gate.staged() == [Samples.v2])
            #expect(try gate.intake.staging.quarantinedEvents().isEmpty)
            let accepted = try await gate.entry(.listed)
            #expect(accepted["drop"]?["received"]?.string == receipt.received, "when it was held")
            #expect(try gate.intake.drop(id: outcome.id)?.received.description == receipt.received)
            let released = try #require(try gate.intake.staging.ready.receipt(outcome.id))
            #expect(released.received == receipt.received && released.received < released.released ?? "")
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
        ("/webhooks/vsee", Samples.v2, NotHeld.wrongSecret),
        ("/webhooks/vsee/another-secret-of-some-length", Samples.v2, .wrongSecret),
        (QuarantineTests.path, "{}", .notVSeesForm), (QuarantineTests.path, "not JSON", .notVSeesForm),
        (QuarantineTests.path, "", .notAnEvent),
        (
            QuarantineTests.path, Samples.v2.replacingOccurrences(of: "visit.ended", with: "visit.moved"),
            .notVSeesForm
        ),
        (
            QuarantineTests.path, Samples.v2.replacingOccurrences(of: "\"xxx\"", with: "\"dropgate-probe\""),
            .probe
        ),
        ("/reachability", Samples.v2, .wrongSecret),
    ])
    func nothingElseIsHeldAndTheAnswerIsTheSame(path: String, body: String, why: NotHeld) async throws {
        try await LiveGate.serve(Self.quarantine) { gate in
            #expect(try await gate.curl(path, from: LiveGate.unlisted, body: body).isRefusal)
            let entry = try await gate.entry(.notListed)
            #expect(entry["detail"]?["vsee_shaped"] == nil && entry["verdict"] == "rejected")
            #expect(entry["detail"]?["not_held"]?.string == why.rawValue)
            #expect(entry["detail"]?["message"]?.string == why.sentence)
            #expect(try gate.intake.staging.quarantinedEvents().isEmpty)
            #expect(try await gate.staged().isEmpty)
        }
    }

    /// A gate that looked at the secret first would have refused while the body is still to come.
    @Test(arguments: [
        "/webhooks/vsee", "/webhooks/vsee/another-secret-of-some-length", QuarantineTests.path, "/x",
    ])
    func nothingIsSaidBeforeTheBodyWhateverTheSecret(path: String) async throws {
        try await LiveGate.serve(Self.quarantine) { gate in
            let client = try RawClient(from: LiveGate.unlisted, port: gate.port)
            client.send("POST \(path) HTTP/1.1\r\nHost: g\r\nContent-Length: 100\r\n\r\n")
            async let answer = client.readToEnd()
            // A whole request of somebody else, begun later and refused in the meantime.
            try await gate.waitForConnections(1)
            #expect(try await gate.curl(path, from: LiveGate.expired, body: "{}").isRefusal)
            _ = try await gate.entry(.entryExpired)
            #expect(try await gate.entries().allSatisfy { $0["reason"] != "not_listed" })
            client.send(String(repeating: "x", count: 100))
            let text = await answer
            #expect(text.hasPrefix("HTTP/1.1 403 ") && text.lowercased().contains("connection: close"))
            _ = try await gate.entry(.notListed)
        }
    }

    @Test func aLongBodyIsRefusedAsAnyStranger() async throws {
        let long = Samples.v2.replacingOccurrences(
            of: "cancelled", with: String(repeating: "x", count: RequestValidator.longestUnlisted))
        try await LiveGate.serve(Self.quarantine) { gate in
            for options in [[], ["-H", "transfer-encoding: chunked"]] {
                let reply = try await gate.curl(
                    Self.path, from: LiveGate.unlisted, body: long, options: options, headers: ["expect:"])
                #expect(reply.isRefusal)
            }
            #expect(try gate.intake.staging.quarantinedEvents().isEmpty)
            let entries = try await gate.entries().filter { $0["kind"] != "service" }
            #expect(
                entries.allSatisfy {
                    $0["reason"] == "not_listed" && $0["detail"]?["not_held"] == "too_large"
                })
        }
    }

    @Test func aRepeatIsHeldOnceAndQuarantineIsBounded() async throws {
        try await LiveGate.serve(Self.quarantine) { gate in
            let bodies = (0..<4).map { Samples.v2.replacingOccurrences(of: "28540", with: "\($0)") }
            for body in [Samples.v2, Samples.v2, Samples.v2] + bodies {
                _ = try await gate.curl(Self.path, from: LiveGate.unlisted, body: body)
            }
            // A quarter of the twelve places, however often one source sends.
            let entries = try await gate.shaped(7)
            let words = entries.compactMap { $0["detail"]?["not_held"]?.string }
            #expect(words.sorted() == ["already_held", "already_held", "source_share", "source_share"])
            #expect(entries.filter { $0["detail"]?["held"]?.bool == true }.count == 3)
            #expect(try gate.intake.staging.quarantinedEvents().count == 3)
            // Another source finds room.
            _ = try await gate.curl(Self.path, from: LiveGate.sftpOnly, body: bodies[3])
            _ = try await gate.shaped(8)
            #expect(try gate.intake.staging.quarantinedEvents().count == 4)
        }
    }

    /// RFC 9110, 10.1.1: curl waits like that before it sends a long body, and proxies pass it on.
    @Test func anEventWhoseSenderWaitsForAWordIsHeldAsAnyOther() async throws {
        try await LiveGate.serve(Self.quarantine) { gate in
            let client = try RawClient(from: LiveGate.unlisted, port: gate.port)
            client.send(
                "POST \(Self.path) HTTP/1.1\r\nhost: a\r\nexpect: 100-Continue\r\ncontent-length: "
                    + "\(Samples.v2.utf8.count)\r\n\r\n")
            #expect(await client.read(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send(Samples.v2)
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 403 "))
            let entry = try await gate.shaped(1)[0]
            #expect(entry["reason"] == "not_listed" && entry["detail"]?["held"]?.bool == true)
            #expect(try gate.intake.staging.quarantinedEvents().count == 1)
        }
    }

    @Test(arguments: [
        "expect: 200-ok", "expect: 100-continue, 200-ok", "expect: 100-continue\r\nexpect: 100-continue",
    ])
    func whatElseIsExpectedIsRefusedBeforeTheBody(line: String) async throws {
        try await LiveGate.serve(Self.quarantine) { gate in
            let client = try RawClient(from: LiveGate.unlisted, port: gate.port)
            client.send(
                "POST \(Self.path) HTTP/1.1\r\nhost: a\r\n\(line)\r\ncontent-length: 10\r\n\r\n")
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 403 "))
            let entry = try await gate.entry(.notListed)
            #expect(entry["detail"]?["not_held"]?.string == NotHeld.notAnEvent.rawValue)
        }
    }

    @Test func aReceiptThatIsBrokenCostsNoOther() async throws {
        try await LiveGate.serve(Self.quarantine) { gate in
            for body in ["1", "2"].map({ Samples.v2.replacingOccurrences(of: "28540", with: $0) }) {
                _ = try await gate.curl(Self.path, from: LiveGate.unlisted, body: body)
            }
            _ = try await gate.shaped(2)
            let held = try gate.intake.staging.quarantinedEvents()
            let broken = gate.directory.file("staging/quarantine/webhook/\(held[0].drop)/receipt.json")
            try Data("{\"drop\":".utf8).write(to: URL(filePath: broken))
            #expect(try gate.intake.staging.quarantinedEvents().map(\.drop) == [held[1].drop])
        }
    }

    @Test(arguments: [(true, NotHeld.expiredSignature), (false, .wrongSignature)])
    func aSignatureCountsAsTheSecret(isOld: Bool, why: NotHeld) async throws {
        try await LiveGate.serve {
            $0.unlisted = .quarantine
            $0.checks.standardWebhooks = [Secret(Array(repeating: 7, count: 24))]
        } body: { gate in
            let time = isOld ? 1 : Instant.now().microseconds / 1_000_000
            let headers = ["webhook-id: 1", "webhook-timestamp: \(time)", "webhook-signature: v1,AAAA"]
            let reply = try await gate.curl(from: LiveGate.unlisted, body: Samples.v2, headers: headers)
            #expect(reply.isRefusal)
            #expect(try await gate.entry(.notListed)["detail"]?["not_held"]?.string == why.rawValue)
            #expect(try gate.intake.staging.quarantinedEvents().isEmpty)
        }
    }

    /// Settings forbid it; should it come about all the same, strangers are not held.
    @Test func withoutAnySecretNothingIsHeld() async throws {
        try await LiveGate.serve {
            $0.unlisted = .quarantine
        } body: { gate in
            #expect(try await gate.curl(from: LiveGate.unlisted, body: Samples.v2).isRefusal)
            let entry = try await gate.entry(.notListed)
            #expect(entry["detail"]?["not_held"]?.string == NotHeld.noSecretConfigured.rawValue)
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
