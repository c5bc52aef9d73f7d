// HTTP/2 frames that no library would send, by way of `openssl s_client`: silence, slowness, rubbish, shutting down.
import Admission
import Foundation
import Intake
import Ledger
import ServiceLifecycle
import Settings
import Testing

@testable import WebhookReceiver

@Suite struct HTTP2WireTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    private static let settings = frame(type: 4, flags: 0, stream: 0, [])

    private static func frame(type: UInt8, flags: UInt8, stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let count = payload.count
        return [
            UInt8(count >> 16 & 255), UInt8(count >> 8 & 255), UInt8(count & 255), type, flags, 0, 0, 0,
            stream,
        ]
            + payload
    }

    /// Header block without Huffman coding (RFC 7541): the request's pseudo-headers.
    private static func head(_ method: UInt8, _ path: String, stream: UInt8, ends: Bool) -> [UInt8] {
        let block =
            [method, 0x87, 0x04, UInt8(path.utf8.count)] + Array(path.utf8) + [0x01, 1, UInt8(ascii: "a")]
        return frame(type: 1, flags: ends ? 5 : 4, stream: stream, block)
    }

    private static func get(_ path: String, stream: UInt8 = 1) -> [UInt8] {
        head(0x82, path, stream: stream, ends: true)
    }
    private static func post(_ path: String, stream: UInt8 = 1) -> [UInt8] {
        head(0x83, path, stream: stream, ends: false)
    }

    /// Sends bytes over TLS and stays until the gate closes.
    private func talk(_ gate: LiveGate, _ bytes: [UInt8]) async throws {
        _ = try await Shell.run(
            [
                "timeout", "15", "openssl", "s_client", "-quiet", "-alpn", "h2", "-bind",
                "\(LiveGate.listed):0",
                "-connect", "127.0.0.1:\(gate.port)",
            ], input: bytes)
    }

    /// RFC 9113, 8.3.1. HAProxy sends requests so.
    @Test(arguments: [[], [("host", "gate.example")]] as [[(String, String)]])
    func aRequestWithoutAuthorityIsAnswered(fields: [(String, String)]) async throws {
        try await LiveGate.serve(
            tls: true,
            {
                $0.headerTimeout = .seconds(1)
                $0.idleTimeout = .milliseconds(300)
            }
        ) { gate in
            var block: [UInt8] = [0x83, 0x87, 0x04, 14] + Array("/webhooks/vsee".utf8)
            for (name, value) in fields {
                block +=
                    [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)]
                    + Array(value.utf8)
            }
            let body = Self.frame(type: 0, flags: 1, stream: 1, Array("{}".utf8))
            let head = Self.frame(type: 1, flags: 4, stream: 1, block)
            try await talk(gate, Self.preface + Self.settings + head + body)
            let entry = try await gate.entry(.listed, kind: .request)
            #expect(entry["request"]?["status"]?.int == 200)
            #expect(try await gate.staged() == ["{}"])
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
        Array("this is no preface at all, is it?\r\n\r\n".utf8),
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
