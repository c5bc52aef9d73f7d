// Bytes that no well-behaved client sends, slowness, hanging up, and shutting down.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import ServiceLifecycle
import Settings
import Testing

@testable import WebhookReceiver

@Suite struct MalformedTests {
    private static let post = "POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\n"

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "GET /\r\n\r\n", "POST /webhooks/vsee HTTP/3.0\r\nhost: a\r\n\r\n",
        "POST /webhooks/vsee HTTP/1.1\r\n\r\n", post + "host: b\r\ncontent-length: 0\r\n\r\n",
        post + "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        post + "transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
        post + "content-length: 3\r\ncontent-length: 4\r\n\r\nabcd", post + "content-length: 3, 3\r\n\r\nabc",
        post + "content-length: -1\r\n\r\n", post + "content-length: 1x\r\n\r\na",
        post + "content-length : 3\r\n\r\nabc", post + "transfer-encoding: chunked, identity\r\n\r\nabc",
        post + "transfer-encoding: xchunked\r\n\r\nabc", post + "transfer-encoding: chunked\r\n\r\nzz\r\n",
        post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /webhooks/vsee HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        post + "x: a\u{0}b\r\n\r\n", post + "\r\u{b}content-length: 3\r\n\r\nabc",
        post + " folded: 1\r\n\r\n", "POST /webhooks/vsee#part HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST http://vsee:word@a/webhooks/vsee HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST https:///webhooks/vsee HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST http://a b/webhooks/vsee HTTP/1.1\r\nhost: a\r\n\r\n",
    ])
    func isAnsweredWith400AndClosed(bytes: String) async throws { try await expectRefusal(of: bytes) }

    /// A long header, many headers, a long target: what stands around what is repeated.
    @Test(arguments: [
        (post + "x: ", "a", 40_000, "\r\n\r\n"), (post, "x: y\r\n", 200, "\r\n"),
        ("GET /", "a", 400_000, " HTTP/1.1\r\nhost: a\r\n\r\n"),
    ])
    func whatIsTooLongIsAnsweredWith400AndClosed(
        before: String, piece: String, count: Int, after: String
    ) async throws {
        try await expectRefusal(of: before + String(repeating: piece, count: count) + after)
    }

    /// RFC 9112, 3: a target longer than the gate wants is 414, whatever stands behind it.
    @Test(arguments: [8192, 8193, 20_000])
    func aTargetThatIsTooLongIsAnsweredWith414(bytes: Int) async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            let target = "/webhooks/vsee?" + String(repeating: "q", count: bytes - 15)
            client.send(
                "POST \(target) HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
            let status = bytes > 8192 ? "414" : "200"
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 \(status) "))
            let entry = try await gate.entry(bytes > 8192 ? .tooLarge : .listed, kind: .request)
            #expect(entry["request"]?["path"]?.string == "/webhooks/vsee")
            #expect(try await gate.staged().count == (bytes > 8192 ? 0 : 1))
        }
    }

    @Test(arguments: [
        ("gzip", 415), ("identity", 200), ("Identity", 200), ("br, gzip", 415), ("identity, gzip", 415),
        ("x", 415),
    ])
    func aCodedBodyIsAnsweredWith415(coding: String, status: Int) async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(
                Self.post + "content-encoding: \(coding)\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
            let answer = await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
            #expect(answer.contains("accept-encoding: identity") == (status == 415))
            #expect(try await gate.staged().count == (status == 200 ? 1 : 0))
            if status == 415 {
                let entry = try await gate.entry(.malformed)
                #expect(entry["detail"]?["content_encoding"]?.string == coding.lowercased())
            }
        }
    }

    /// What stands behind such a header is no body of it, and would be lost while its sender hears that it is stored.
    @Test(arguments: [
        "POST /webhooks/vsee HTTP/1.0\r\n\r\n{}", post + "connection: close\r\n\r\n{}", post + "\r\n",
    ])
    func anEventThatDoesNotSayItsLengthIsAnsweredWith411(bytes: String) async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(bytes)
            client.finish()
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 411 Length Required"))
            let entry = try await gate.entry(.malformed)
            #expect(entry["request"]?["status"]?.int == 411)
            #expect(entry["detail"]?["error"]?.string?.contains("neither content-length") == true)
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test func anEventThatSaysThatItIsEmptyIsStored() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(Self.post + "connection: close\r\ncontent-length: 0\r\n\r\n")
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 200 "))
            #expect(try await gate.staged().count == 1)
        }
    }

    private func expectRefusal(of bytes: String) async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(bytes)
            let answer = await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.contains("malformed request"))
            let entry = try await gate.entry(.malformed)
            #expect(entry["verdict"]?.string == "rejected" && entry["request"]?["status"]?.int == 400)
            #expect(entry["source"]?["ip"]?.string == LiveGate.listed)
            let words = entry["detail"]?["error"]?.string ?? ""
            #expect(words.contains(" ") && !words.contains("("))
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test func aSecondRequestInTheFirstOnesBodyIsNotCarriedOut() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(
                Self.post + "content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + Self.post
                    + "content-length: 2\r\n\r\n{}")
            #expect(await client.readToEnd().components(separatedBy: "HTTP/1.1 ").count == 2)
            #expect(try await gate.staged().isEmpty)
            #expect(try await gate.entries().count == 1)
        }
    }

    /// RFC 9112, 2.2: some may come before a request. Without an end they are none.
    @Test(arguments: [(2, 200), (1000, 200), (200_000, 400)])
    func lineEndsBeforeARequestAreBounded(pairs: Int, status: Int) async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            let sent = Task {
                client.send(
                    String(repeating: "\r\n", count: pairs)
                        + "GET /reachability HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            }
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 \(status) "))
            _ = await sent.value
            if status == 400 { #expect(try await gate.entry(.malformed)["request"]?["status"]?.int == 400) }
        }
    }

    @Test func bytesThatAreNotHTTP2EndTheConnection() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 400 "))
        }
    }
}

@Suite struct KeepAliveTests {
    private static func post(_ body: String, _ more: String = "") -> String {
        "POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\ncontent-length: \(body.utf8.count)\r\n\(more)\r\n\(body)"
    }

    /// What comes in one piece behind a request that is still being answered ends as any other: cut off, or timed out.
    @Test(arguments: [true, false])
    func aBodyThatBreaksOffBehindAnotherRequestIsRecorded(closes: Bool) async throws {
        try await LiveGate.serve({ $0.bodyTimeout = .milliseconds(500) }) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(
                "GET /reachability HTTP/1.1\r\nhost: a\r\n\r\nPOST /webhooks/vsee HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc"
            )
            if closes { client.finish() }
            _ = await client.readToEnd()
            let entry = try await gate.entry(closes ? .incomplete : .timeout, kind: .request)
            #expect(entry["detail"]?["bytes_received"]?.int == 3)
            try await gate.waitForConnections(0)
        }
    }

    @Test func aConnectionEndsAfterItsRequests() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            let most = RequestHandler.mostRequests
            let sent = Task {
                client.send(String(repeating: "GET / HTTP/1.1\r\nhost: a\r\n\r\n", count: most + 100))
            }
            let answers = await client.readToEnd()
            _ = await sent.value
            #expect(answers.components(separatedBy: "HTTP/1.1 404").count == most + 1)
            #expect(answers.components(separatedBy: "connection: close").count == 2)
            #expect(answers.hasSuffix("}\n"))
        }
    }

    @Test func thousandsOfPipelinedRefusalsAreAnsweredOneAfterTheOther() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            let many = String(repeating: "GET / HTTP/1.1\r\nhost: a\r\n\r\n", count: 9_000)
            client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n" + many)
            client.finish()
            let answers = await client.readToEnd()
            #expect(answers.components(separatedBy: "HTTP/1.1 404").count == 9_001)
        }
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(
                Self.post("{\"n\":1}") + "GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n" + Self.post("{\"n\":2}")
                    + "GARBAGE\r\n\r\n" + Self.post("{\"n\":3}"))
            let answers = await client.readToEnd().components(separatedBy: "HTTP/1.1 ").dropFirst().map {
                $0.prefix(3)
            }
            #expect(answers == ["200", "404", "200", "400"])
            #expect(try await gate.staged().sorted() == ["{\"n\":1}", "{\"n\":2}"])
        }
    }

    @Test func aCallerThatClosesItsSideStillGetsItsAnswers() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(Self.post("{\"n\":1}") + Self.post("{\"n\":2}"))
            client.finish()
            #expect(await client.readToEnd().components(separatedBy: "HTTP/1.1 200").count == 3)
        }
    }

    @Test(arguments: [
        ("HTTP/1.1", "", false), ("HTTP/1.1", "connection: close\r\n", true), ("HTTP/1.0", "", true),
        ("HTTP/1.0", "connection: keep-alive\r\n", false),
    ])
    func theConnectionIsKeptAsTheCallerAsks(version: String, header: String, closes: Bool) async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("GET /reachability \(version)\r\nhost: a\r\n\(header)\r\n")
            let first = await client.read(through: "}\n")
            #expect(first.contains("connection: close") == closes)
            if closes {
                #expect(await client.readToEnd() == "")
            } else {
                client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
                #expect(await client.read(through: "}\n").contains("200 OK"))
            }
        }
    }

    @Test(arguments: ["/webhooks/vsee", "/reachability", "/nothing"])
    func aRequestToUpgradeIsAnsweredInHTTP1AndTheConnectionClosed(path: String) async throws {
        try await LiveGate.serve { gate in
            for _ in 0..<2 {
                let reply = try await gate.curl(path, body: path == "/reachability" ? nil : "{}", "--http2")
                #expect(reply.status == (path == "/nothing" ? 404 : 200) && reply.version == "1.1")
                #expect(reply.headers.contains("connection: close"))
            }
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("CONNECT example.org:443 HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 404 "))
        }
    }

    @Test func aBodyInManySmallPiecesArrivesWhole() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            for byte in Self.post(Samples.v2, "connection: close\r\n").utf8 { client.send([byte]) }
            #expect(await client.readToEnd().contains("200 OK"))
            #expect(try await gate.staged() == [Samples.v2])
        }
    }
}

@Suite struct TimeoutTests {
    private static func fast(_ settings: inout WebhookSettings) {
        settings.headerTimeout = .milliseconds(300)
        settings.bodyTimeout = .milliseconds(300)
        settings.idleTimeout = .milliseconds(300)
    }

    @Test(arguments: ["", "POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\nx: "])
    func aHeaderThatDoesNotCome(bytes: String) async throws {
        try await LiveGate.serve({ $0.headerTimeout = .milliseconds(300) }) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(bytes)
            #expect(await client.readToEnd() == "")
            let entry = try await gate.entry(.timeout)
            #expect(entry["verdict"]?.string == "rejected" && entry["detail"]?["phase"]?.string == "header")
        }
    }

    @Test func aSecondHeaderThatDoesNotCome() async throws {
        try await LiveGate.serve({ $0.headerTimeout = .milliseconds(300) }) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await client.read(through: "}\n").contains("200 OK"))
            client.send("GET /reach")
            #expect(await client.readToEnd() == "")
            #expect(try await gate.entry(.timeout)["detail"]?["phase"]?.string == "header")
        }
    }

    @Test(arguments: ["content-length: 10\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"])
    func aBodyThatDoesNotCome(rest: String) async throws {
        try await LiveGate.serve({ $0.bodyTimeout = .milliseconds(300) }) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\n" + rest)
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 408 "))
            let entry = try await gate.entry(.timeout)
            #expect(
                entry["detail"]?["phase"]?.string == "body" && entry["detail"]?["bytes_received"]?.int == 3)
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test func aConnectionThatStaysIdle() async throws {
        try await LiveGate.serve(Self.fast) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await client.readToEnd().contains("200 OK"))
            let entry = try await gate.entry(.timeout)
            #expect(entry["verdict"]?.string == "accepted" && entry["detail"]?["phase"]?.string == "idle")
        }
    }

    @Test func theTimeForAHeaderStartsAnewWithEachRequest() async throws {
        try await LiveGate.serve({ $0.headerTimeout = .milliseconds(300) }) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            let end = ContinuousClock.now + .seconds(1)
            while ContinuousClock.now < end {
                client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
                try #require(await client.read(through: "}\n").contains("200 OK"))
                client.send("GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n")
                try #require(await client.read(through: "}\n").contains("404 Not Found"))
            }
            #expect(try await gate.entries().allSatisfy { $0["reason"]?.string != "timeout" })
        }
    }
}

@Suite struct HangingUpTests {
    @Test(
        arguments: [
            ("content-length: 10\r\n\r\n", "abc"), ("transfer-encoding: chunked\r\n\r\n", "3\r\nabc\r\n"),
        ], [true, false])
    func inTheMiddleOfABodyStoresNothing(rest: (String, String), abruptly: Bool) async throws {
        try await LiveGate.serve { gate in
            do {
                let client = try RawClient(from: LiveGate.listed, port: gate.port)
                let (head, body) = rest
                client.send("POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n" + head)
                #expect(await client.read(through: "\r\n\r\n").contains("100 Continue"))
                client.send(body)
                if abruptly {
                    client.resetAtEnd()
                } else {
                    client.finish()
                    #expect(await client.readToEnd() == "")
                }
            }
            let entry = try await gate.entry(.incomplete)
            #expect(entry["verdict"]?.string == "rejected" && entry["kind"]?.string == "request")
            #expect(entry["request"]?["path"]?.string == "/webhooks/vsee")
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test func afterTheLastByteStoresIt() async throws {
        try await LiveGate.serve { gate in
            do {
                let client = try RawClient(from: LiveGate.listed, port: gate.port)
                client.send("POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
                client.finish()
            }
            #expect(try await gate.entry(.listed, kind: .request)["drop"]?["bytes"]?.int == 2)
            #expect(try await gate.staged() == ["{}"])
        }
    }

    @Test func withoutARequestIsRecorded() async throws {
        try await LiveGate.serve { gate in
            do {
                let client = try RawClient(from: LiveGate.listed, port: gate.port)
                client.finish()
                #expect(await client.readToEnd() == "")
            }
            let entry = try await gate.entry(.incomplete)
            #expect(
                entry["kind"]?.string == "connection" && entry["source"]?["ip"]?.string == LiveGate.listed)
        }
    }
}

@Suite struct ShutdownTests {
    @Test func aRequestInFlightIsFinishedAndAnIdleConnectionClosed() async throws {
        var idle: RawClient?
        var busy: RawClient?
        try await LiveGate.serve { gate in
            let first = try RawClient(from: LiveGate.listed, port: gate.port)
            first.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await first.read(through: "}\n").contains("200 OK"))
            let second = try RawClient(from: LiveGate.listed, port: gate.port)
            second.send(
                "POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
            )
            #expect(await second.read(through: "\r\n\r\n").contains("100 Continue"))
            await gate.group.triggerGracefulShutdown()
            // Closed because it was idle, so the shutdown has reached the connections.
            #expect(await first.readToEnd() == "")
            second.send("{}")
            let answer = await second.readToEnd()
            #expect(answer.contains("200 OK") && answer.contains("connection: close"))
            #expect(try await gate.staged() == ["{}"])
            (idle, busy) = (first, second)
        }
        #expect(idle != nil && busy != nil)
    }

    @Test func anAddressInUseIsAnErrorForRunAndForWhoWaitsForThePort() async throws {
        try await LiveGate.serve { gate in
            let settings = WebhookSettings(
                listen: ListenAddress(ip: try IPAddress("127.0.0.1"), port: UInt16(gate.port)), tls: nil)
            let second = WebhookReceiver(settings: settings, intake: gate.intake, logger: LiveGate.quiet)
            await #expect(throws: (any Error).self) { try await second.run() }
            await #expect(throws: (any Error).self) { try await second.port }
        }
    }
}
