// HTTP/2 frames that no library would send, by way of `openssl s_client`: silence, slowness, rubbish, shutting down.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import ServiceLifecycle
import Settings
import Testing

@testable import WebhookReceiver

@Suite struct HTTP2WireTests: SpeaksHTTP2 {
    /// RFC 9113, 8.3.1. HAProxy sends requests so.
    @Test(
        arguments: [
            [("host", "gate.example")], [(":authority", "gate.example"), ("host", "Gate.example:443")],
            [(":authority", "gate.example:"), ("te", "Trailers")],
        ], ["https", "http"])
    func aHostMayBeNamedInTwoWays(fields: [(String, String)], scheme: String) async throws {
        try await LiveGate.serve(tls: true, { $0.idleTimeout = .milliseconds(300) }) { gate in
            let request = [(":method", "POST"), (":scheme", scheme), (":path", "/webhooks/vsee")]
            let frames = try await talk(
                gate,
                Self.preface + Self.settings + Self.head(request + fields, stream: 1, ends: false)
                    + Self.data("{}", stream: 1, ends: true))
            #expect(frames.status(of: 1) == 200)
            let staged = try await gate.staged()
            #expect(staged == ["{}"])
        }
    }

    @Test func aRefusedSourceIsToldToGoAway() async throws {
        try await LiveGate.serve(tls: true, { $0.unlisted = .refuse }) { gate in
            try gate.intake.use(
                try Policy(entries: [
                    SourceEntry(
                        list: "new", service: "clinic", cidr: CIDRBlock("192.0.2.1"), channels: [.webhook])
                ]))
            let frames = try await talk(
                gate,
                Self.preface + Self.settings + Self.frame(type: 4, flags: 1, stream: 0, [])
                    + Self.head(
                        [
                            (":method", "GET"), (":scheme", "https"), (":path", "/reachability"),
                            (":authority", "a"),
                        ], stream: 1, ends: true))
            #expect(frames.contains { $0.type == 1 && $0.stream == 1 }, "an answer")
            #expect(frames.contains { $0.type == 7 }, "GOAWAY")
            #expect(try await gate.entry(.notListed)["request"]?["status"]?.int == 403)
        }
    }

    @Test func aBodyThatDoesNotComeTimesOut() async throws {
        try await LiveGate.serve(
            tls: true,
            {
                $0.bodyTimeout = .milliseconds(300)
                $0.idleTimeout = .seconds(1)
            }
        ) { gate in
            try await talk(gate, Self.preface + Self.settings + Self.post("/webhooks/vsee"))
            let entry = try await gate.entry(.timeout, kind: .request)
            #expect(entry["detail"]?["phase"]?.string == "body" && entry["request"]?["status"]?.int == 408)
            let staged = try await gate.staged()
            #expect(staged.isEmpty)
        }
    }

    @Test(arguments: [preface + settings, Array(preface.prefix(10))])
    func aConnectionWithoutARequestTimesOut(bytes: [UInt8]) async throws {
        try await LiveGate.serve(tls: true, { $0.headerTimeout = .milliseconds(500) }) { gate in
            try await talk(gate, bytes)
            let entry = try await gate.entry(.timeout)
            #expect(entry["detail"]?["phase"]?.string == "header" && entry["verdict"]?.string == "rejected")
        }
    }

    @Test func anIdleConnectionIsClosedAndItsRequestStays() async throws {
        try await LiveGate.serve(tls: true, { $0.idleTimeout = .milliseconds(300) }) { gate in
            let body = Self.frame(type: 0, flags: 1, stream: 1, Array("{}".utf8))
            try await talk(gate, Self.preface + Self.settings + Self.post("/webhooks/vsee") + body)
            let entry = try await gate.entry(.timeout)
            #expect(entry["detail"]?["phase"]?.string == "idle" && entry["verdict"]?.string == "accepted")
            let staged = try await gate.staged()
            #expect(staged == ["{}"])
        }
    }

    @Test(arguments: [
        Array("this is not a preface at all, is it?\r\n\r\n".utf8),
        preface + frame(type: 0, flags: 1, stream: 0, [1, 2]),
        preface + settings + frame(type: 1, flags: 5, stream: 1, [0xFF, 0xFF, 0xFF, 0xFF]),
        preface + settings + frame(type: 1, flags: 5, stream: 2, [0x82]),
    ])
    func whatBreaksTheProtocolIsRecordedAndClosed(bytes: [UInt8]) async throws {
        try await LiveGate.serve(tls: true) { gate in
            try await talk(gate, bytes)
            let entry = try await gate.entry(.malformed)
            #expect(
                entry["verdict"]?.string == "rejected" && entry["source"]?["ip"]?.string == LiveGate.listed)
            let words = entry["detail"]?["error"]?.string ?? ""
            #expect(words.contains(" ") && !words.contains("("))
        }
    }

    @Test func aStreamThatIsResetStoresNothing() async throws {
        try await LiveGate.serve(tls: true, { $0.idleTimeout = .milliseconds(300) }) { gate in
            let part = Self.frame(type: 0, flags: 0, stream: 1, Array("{".utf8))
            let reset = Self.frame(type: 3, flags: 0, stream: 1, [0, 0, 0, 8])
            try await talk(
                gate,
                Self.preface + Self.settings + Self.post("/webhooks/vsee") + part + reset
                    + Self.get("/reachability", stream: 3))
            let entry = try await gate.entry(.incomplete, kind: .request)
            #expect(entry["detail"]?["bytes_received"]?.int == 1)
            _ = try await gate.entry(.listed, kind: .probe)
            let staged = try await gate.staged()
            #expect(staged.isEmpty)
        }
    }

    @Test func aCallerThatDoesNotAnswerDoesNotHoldUpTheShutdown() async throws {
        try await LiveGate.serve(tls: true) { gate in
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    try await talk(gate, Self.preface + Self.settings + Self.get("/reachability"))
                }
                _ = try await gate.entry(.listed, kind: .probe)
                let start = ContinuousClock.now
                await gate.group.triggerGracefulShutdown()
                try await tasks.waitForAll()
                #expect(ContinuousClock.now - start < .seconds(8))
            }
            try await gate.waitForConnections(0)
        }
    }
}
