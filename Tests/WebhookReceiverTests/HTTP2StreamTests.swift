// What is wrong with one HTTP/2 stream ends that stream (RFC 9113, 5.4.2): each test has a good upload begun before and
// ended behind it, on the same connection, and the good one is kept.
import Admission
import Foundation
import JSON
import Ledger
import Settings
import Testing

@testable import WebhookReceiver

@Suite struct HTTP2StreamTests: SpeaksHTTP2 {
    private static let good = "{\"good\":1}"

    /// The good upload is stream 1; what is tried is stream 3.
    private func talk(
        _ tried: [UInt8], _ change: @escaping @Sendable (inout WebhookSettings) -> Void = { _ in },
        then: (LiveGate, [HTTP2Frame]) async throws -> Void
    ) async throws {
        try await LiveGate.serve(
            tls: true,
            {
                $0.idleTimeout = .milliseconds(300)
                change(&$0)
            }
        ) { gate in
            let length = [("content-length", String(Self.good.utf8.count))]
            let frames = try await talk(
                gate,
                Self.preface + Self.settings + Self.frame(type: 4, flags: 1, stream: 0, [])
                    + Self.post("/webhooks/vsee", length)
                    + Self.data(String(Self.good.prefix(3)), stream: 1, ends: false) + tried
                    + Self.data(String(Self.good.dropFirst(3)), stream: 1, ends: true))
            #expect(frames.status(of: 1) == 200)
            #expect(frames.reset(of: 1) == nil)
            let staged = try await gate.staged()
            #expect(staged.contains(Self.good))
            try await then(gate, frames)
        }
    }

    private static let request = [
        (":method", "POST"), (":scheme", "https"), (":path", "/webhooks/vsee"), (":authority", "a"),
    ]

    private static func without(_ name: String, _ more: (String, String)...) -> [(String, String)] {
        request.filter { $0.0 != name } + more
    }

    private static func with(_ more: (String, String)...) -> [(String, String)] { request + more }

    private static let malformed: [(fields: [(String, String)], words: String)] = [
        (with(("X-Upper", "1")), "a field name in upper case: X-Upper"),
        (with(("a b", "1")), "a field name that is not valid: a b"),
        (with(("x\u{E9}", "1"), ("x", "\u{E9}")), "a field name that is not valid: x\\u{E9}"),
        (with(("\u{212A}", "1"), ("X\u{E9}", "1")), "a field name that is not valid: \\u{212A}"),
        (with(("connection", "close")), "a field that HTTP/2 does not have: connection"),
        (with(("transfer-encoding", "chunked")), "a field that HTTP/2 does not have: transfer-encoding"),
        (with(("upgrade", "h2c")), "a field that HTTP/2 does not have: upgrade"),
        (with(("te", "gzip")), "te other than trailers"),
        (with(("x", "a\r\nb: c")), "the end of a line in the field x"),
        (with(("x", "\u{0}")), "the end of a line in the field x"),
        (with(("x", " a")), "white space around the field x"),
        (with((":path", "/webhooks/vsee")), "the pseudo-header field :path comes twice"),
        (with((":protocol", "x")), "there is no pseudo-header field :protocol"),
        (with((":status", "200")), "there is no pseudo-header field :status"),
        (
            without(":authority", ("x", "y"), (":authority", "a")),
            "the pseudo-header field :authority comes too late"
        ),
        (without(":method"), "no :method"), (without(":path"), "no :path"),
        (without(":scheme"), "no :scheme"),
        (without(":method", (":method", "P T")), "white space or a control character in :method"),
        (without(":method", (":method", "P@T")), "the :method is not valid"),
        (without(":path", (":path", "")), "no :path"),
        (without(":path", (":path", "https://a/webhooks/vsee")), "the :path does not begin with a slash"),
        (without(":path", (":path", "*")), "the :path does not begin with a slash"),
        (without(":path", (":path", "/webhooks/vsee#x")), "a fragment in the target"),
        (without(":scheme", (":scheme", "ftp")), "the :scheme is neither https nor http"),
        (with(("host", "b")), ":authority and host name different hosts"),
        (with(("host", "a:8443")), ":authority and host name different hosts"),
        (without(":authority", ("host", "a"), ("host", "a")), "more than one host"),
        (without(":authority"), "neither :authority nor host says which host is meant"),
        (without(":authority", (":authority", "")), "an empty :authority"),
        (without(":authority", ("host", "")), "an empty host"),
        (without(":authority", (":authority", "vsee:word@a")), "the host field is not a host"),
        (without(":method", (":method", "CONNECT")), "CONNECT with :scheme or :path"),
        (with(("content-length", "1x")), "content-length is not a number"),
        (with(("content-length", "5")), "the body ends after 0 of 5 bytes that the caller announced"),
    ]

    /// Nine at a time: of many refusals of one kind the ledger keeps the first ones and counts the others.
    @Test(arguments: Array(stride(from: 0, to: malformed.count, by: 9)))
    func aMalformedHeaderIsAnsweredWith400(first: Int) async throws {
        let some = Self.malformed.dropFirst(first).prefix(9)
        let streams = some.indices.map { UInt8(3 + 2 * ($0 - first)) }
        let heads = zip(streams, some).flatMap { Self.head($1.fields, stream: $0, ends: true) }
        try await talk(heads) { gate, frames in
            try await expectRefusals(streams, some.map(\.words), frames, gate)
        }
    }

    /// Bodies, by their stream, with the length that was announced.
    private static let misfits: [(length: String, body: @Sendable (UInt8) -> [[UInt8]], words: String)] = [
        (
            "500", { [data("x", stream: $0, ends: true)] },
            "the body ends after 1 of 500 bytes that the caller announced"
        ),
        (
            "1", { [data("xyz", stream: $0, ends: true)] },
            "the body has more bytes than the 1 that were announced"
        ),
        (
            "1", { [data("x", stream: $0, ends: false), data("yz", stream: $0, ends: true)] },
            "the body has more bytes than the 1 that were announced"
        ),
        (
            "2", { [data("x", stream: $0, ends: false), head([("trailer", "t")], stream: $0, ends: true)] },
            "the body ends after 1 of 2 bytes that the caller announced"
        ),
        (
            "1", { [data("x", stream: $0, ends: false), head([(":path", "/")], stream: $0, ends: true)] },
            "a pseudo-header field behind the body"
        ),
    ]

    @Test func aBodyOfAnotherLengthIsAnsweredWith400() async throws {
        let streams = Self.misfits.indices.map { UInt8(3 + 2 * $0) }
        let requests = zip(streams, Self.misfits).flatMap { stream, misfit in
            Self.post("/webhooks/vsee", stream: stream, [("content-length", misfit.length)])
                + misfit.body(stream).flatMap { $0 }
        }
        try await talk(requests) { gate, frames in
            try await expectRefusals(streams, Self.misfits.map(\.words), frames, gate)
            let staged = try await gate.staged()
            #expect(staged == [Self.good])
        }
    }

    private func expectRefusals(
        _ streams: [UInt8], _ words: [String], _ frames: [HTTP2Frame], _ gate: LiveGate
    ) async throws {
        for (stream, words) in zip(streams, words) {
            #expect(frames.status(of: stream) == 400, "\(words)")
            #expect(frames.reset(of: stream) == nil, "\(words)")
        }
        let entries = try await gate.entries().filter { $0["reason"]?.string == "malformed" }
        #expect(entries.map { $0["detail"]?["error"]?.string } == words)
        for entry in entries {
            #expect(entry["kind"]?.string == "request" && entry["request"]?["status"]?.int == 400)
            #expect(entry["source"]?["ip"]?.string == LiveGate.listed)
        }
    }

    @Test func goodTrailersAreLeftOut() async throws {
        let trailers = Self.head([("trailer", "t")], stream: 3, ends: true)
        try await talk(
            Self.post("/webhooks/vsee", stream: 3) + Self.data("{}", stream: 3, ends: false) + trailers
        ) { gate, frames in
            #expect(frames.status(of: 3) == 200)
            let staged = try await gate.staged()
            #expect(staged.sorted() == [Self.good, "{}"])
        }
    }

    @Test(arguments: [
        (frame(type: 3, flags: 0, stream: 3, [0, 0, 0, 8]), "the stream was reset: cancel"),
        (head([("trailer", "t")], stream: 3, ends: false), "the stream was reset: protocol error"),
    ])
    func aStreamThatIsResetIsRecorded(end: [UInt8], words: String) async throws {
        try await talk(Self.post("/webhooks/vsee", stream: 3) + Self.data("{", stream: 3, ends: false) + end)
        {
            gate, _ in
            let entry = try await gate.entry(.incomplete, kind: .request)
            #expect(entry["detail"]?["error"]?.string == words)
            #expect(entry["detail"]?["bytes_received"]?.int == 1)
        }
    }

    @Test func aFrameBehindTheEndOfItsStreamEndsNoOther() async throws {
        let post = Self.post("/webhooks/vsee", stream: 3) + Self.data("{}", stream: 3, ends: true)
        try await talk(post + Self.data("x", stream: 3, ends: true)) { _, frames in
            // STREAM_CLOSED
            #expect(frames.reset(of: 3) == 5)
        }
    }

    /// RFC 9113, 5.1.2. Streams 1 and 3 to 199 are as many as were allowed.
    @Test func oneStreamTooManyIsRefused() async throws {
        let streams = stride(from: UInt8(3), through: 201, by: 2)
        try await talk(
            streams.flatMap { Self.post("/webhooks/vsee", stream: $0) },
            { $0.bodyTimeout = .milliseconds(500) }
        ) { gate, frames in
            #expect(frames.first?.payload.starts(with: [0, 3, 0, 0, 0, UInt8(StreamLimit.told)]) == true)
            // REFUSED_STREAM
            #expect(frames.reset(of: 201) == 7)
            #expect(frames.filter { $0.type == 3 && $0.payload.last == 7 }.count == 1)
            let entry = try await gate.entry(.connectionLimit, kind: .request)
            #expect(entry["detail"]?["limit_streams"]?.int == Int64(StreamLimit.told))
        }
    }
}
