// Who may connect and call, seen from real sockets: all address modes, both answers to the unlisted, limits.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import NIOCore
import Settings
import Testing

@testable import WebhookReceiver

@Suite struct DirectAdmissionTests {
    @Test func aListedSourceIsStoredAndRecorded() async throws {
        try await LiveGate.serve { gate in
            let reply = try await gate.curl(body: Samples.v2, headers: ["content-type: application/json"])
            #expect(reply.status == 200 && reply.json?["status"]?.string == "stored")
            #expect(!reply.headers.contains("server:") && reply.headers.contains("\r\ndate: "))
            #expect(try await gate.staged() == [Samples.v2])
            let entry = try #require(try await gate.entries().first)
            #expect(entry["kind"]?.string == "request" && entry["verdict"]?.string == "accepted")
            #expect(
                entry["source"]?["ip"]?.string == LiveGate.listed && entry["address_mode"]?.string == "direct"
            )
            #expect(entry["entries"]?.array == ["test/clinic", "test/messenger"])
            #expect(entry["request"]?["method"]?.string == "POST" && entry["request"]?["status"]?.int == 200)
            #expect(entry["request"]?["path"]?.string == "/webhooks/vsee")
            #expect(entry["drop"]?["id"]?.string == reply.json?["id"]?.string)
            #expect(entry["drop"]?["event_type"]?.string == "visit.ended")
        }
    }

    @Test(arguments: [
        (LiveGate.unlisted, Reason.notListed), (LiveGate.expired, .entryExpired),
        (LiveGate.sftpOnly, .wrongChannel),
    ])
    func othersAreClosedBeforeTLS(source: String, reason: Reason) async throws {
        try await LiveGate.serve(tls: true) { gate in
            let client = try RawClient(from: source, port: gate.port)
            #expect(await client.readToEnd() == "")
            let reply = try await gate.curl(from: source, body: "{}")
            #expect(reply.exit != 0 && reply.status == 0)
            let entry = try await gate.entry(reason)
            #expect(entry["kind"]?.string == "connection" && entry["verdict"]?.string == "rejected")
            #expect(entry["source"]?["ip"]?.string == source && entry["request"] == nil)
            #expect(try await gate.entries().count == 2)
        }
    }

    @Test func othersAreRefusedInHTTPWhereThatIsSet() async throws {
        try await LiveGate.serve(tls: true, { $0.unlisted = .refuse }) { gate in
            for path in ["/webhooks/vsee", "/reachability", "/nothing"] {
                let reply = try await gate.curl(path, from: LiveGate.unlisted, body: "{}")
                #expect(reply.status == 403 && reply.json?["error"]?.string == "forbidden")
                #expect(reply.json?.object?.keys.sorted() == ["error", "id"])
                let id = try #require(reply.json?["id"]?.string)
                let entry = try #require(
                    try await gate.entries().first { $0["request"]?["id"]?.string == id })
                #expect(entry["reason"]?.string == "not_listed" && entry["kind"]?.string == "request")
                #expect(entry["request"]?["status"]?.int == 403 && entry["request"]?["path"]?.string == path)
            }
            #expect(try await gate.curl(body: "{}").status == 200)
            #expect(try await gate.staged() == ["{}"])
        }
    }

    /// What it sends behind is not worth a look each.
    @Test func aRefusedSourceGetsOneAnswerAConnection() async throws {
        try await LiveGate.serve({ $0.unlisted = .refuse }) { gate in
            let client = try RawClient(from: LiveGate.unlisted, port: gate.port)
            client.send(String(repeating: "GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n", count: 50))
            let answers = await client.readToEnd()
            #expect(answers.components(separatedBy: "HTTP/1.1 403").count == 2)
            #expect(answers.contains("connection: close"))
            try await gate.waitForConnections(0)
        }
    }

    @Test func anEntryInObserveModeLetsInAndSaysSo() async throws {
        try await LiveGate.serve { gate in
            #expect(try await gate.curl(from: LiveGate.observed, body: "{}").status == 200)
            let entry = try #require(try await gate.entries().first)
            #expect(entry["verdict"]?.string == "observed" && entry["reason"]?.string == "not_listed")
            #expect(entry["entries"]?.array == ["test/maybe"] && entry["drop"]?["id"] != nil)
        }
    }

    @Test func aSourceTakenFromTheListWhileItsBodyComesIsRefused() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.observed, port: gate.port)
            client.send(
                "POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
            )
            #expect(await client.read(through: "\r\n\r\n").contains("100 Continue"))
            try gate.intake.use(LiveGate.policy(without: "maybe"))
            client.send("{}")
            #expect(await client.read(through: "}\n").contains("403 Forbidden"))
            let entry = try await gate.entry(.notListed, kind: .request)
            #expect(entry["verdict"]?.string == "rejected")
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test func aSourceTakenFromTheListIsRefusedOnItsOpenConnection() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.observed, port: gate.port)
            client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await client.read(through: "}\n").contains("200 OK"))
            try gate.intake.use(LiveGate.policy(without: "maybe"))
            client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await client.read(through: "}\n").contains("403 Forbidden"))
            #expect(try await gate.entry(.notListed, kind: .request)["verdict"]?.string == "rejected")
        }
    }
}

/// Trusted proxies keep connections ready, and look whether the port is open: nothing that somebody should read about.
@Suite struct UnusedConnectionTests {
    private static func forwarded(_ settings: inout WebhookSettings) throws {
        settings.address = AddressSettings(
            mode: .xForwardedFor, trustedProxies: [try CIDRBlock(LiveGate.proxy)])
        settings.headerTimeout = .milliseconds(300)
        settings.idleTimeout = .milliseconds(400)
    }

    /// A balancer keeps it ready for as long as it may keep one between two requests.
    @Test func servesARequestThatComesLaterThanAHeaderMayTake() async throws {
        func patient(_ settings: inout WebhookSettings) throws {
            try Self.forwarded(&settings)
            settings.idleTimeout = .seconds(60)
        }
        let entries = try await LiveGate.serve(tls: false, patient) { gate in
            let spare = try RawClient(from: LiveGate.proxy, port: gate.port)
            // Its time for a header is over, and so is that of the one before it.
            let slow = try RawClient(from: LiveGate.proxy, port: gate.port)
            slow.send("POST ")
            _ = await slow.readToEnd()
            spare.send(
                "POST /webhooks/vsee HTTP/1.1\r\nhost: gate\r\nx-forwarded-for: \(LiveGate.listed)\r\ncontent-length: 2\r\n\r\n{}"
            )
            #expect(await spare.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
            spare.finish()
            _ = await spare.readToEnd()
            try await gate.waitForConnections(0)
        }
        #expect(entries.map { $0["reason"]?.string } == ["timeout", "listed"])
    }

    /// What is left of a connection on which this came, once the proxy has closed it or the gate has.
    private func entries(of bytes: String, tls: Bool = false, closes: Bool) async throws -> [JSONValue] {
        try await LiveGate.serve(tls: tls, Self.forwarded) { gate in
            let client = try RawClient(from: LiveGate.proxy, port: gate.port)
            client.send(bytes)
            if closes { client.finish() }
            _ = await client.readToEnd()
            try await gate.waitForConnections(0)
        }
    }

    @Test(arguments: [true, false], [true, false])
    func leavesNoEntryWhoeverClosesIt(tls: Bool, closes: Bool) async throws {
        #expect(try await entries(of: "", tls: tls, closes: closes).isEmpty)
    }

    @Test(arguments: [true, false])
    func leavesOneOnceARequestHasBegun(closes: Bool) async throws {
        let entries = try await entries(
            of: "POST /webhooks/vsee HTTP/1.1\r\nx-forwarded-for: ", closes: closes)
        #expect(entries.map { $0["reason"]?.string } == [closes ? "incomplete" : "timeout"])
        #expect(entries.first?["peer"]?["ip"]?.string == LiveGate.proxy)
    }
}
