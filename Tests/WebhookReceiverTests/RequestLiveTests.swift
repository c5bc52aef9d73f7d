// Routes, credentials and bodies as callers meet them, and what the ledger says afterwards.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import LedgerSupport
import NIOCore
import Settings
import TLS
import Testing

@testable import WebhookReceiver

@Suite struct RouteLiveTests {
    @Test(arguments: [
        ("GET", "/", 404, Reason.badPath), ("POST", "/webhooks", 404, .badPath),
        ("GET", "/.env", 404, .badPath),
        ("POST", "/webhooks/vsee/secret", 404, .badPath), ("GET", "/webhooks/vsee", 405, .badMethod),
        ("HEAD", "/webhooks/vsee", 405, .badMethod), ("DELETE", "/reachability", 405, .badMethod),
        ("OPTIONS", "/webhooks/vsee", 405, .badMethod),
    ])
    func othersAreAnsweredAndRecorded(method: String, path: String, status: Int, reason: Reason) async throws
    {
        try await LiveGate.serve { gate in
            let option = method == "HEAD" ? ["-I"] : ["-X", method]
            let reply = try await gate.curl(path, options: option)
            #expect(reply.status == status)
            let allowed = path == "/reachability" ? "allow: get\r\n" : "allow: post\r\n"
            #expect(reply.headers.contains(allowed) == (status == 405))
            let entry = try await gate.entry(reason)
            #expect(entry["verdict"]?.string == "rejected" && entry["kind"]?.string == "request")
            #expect(entry["request"]?["status"]?.int == Int64(status))
            #expect(entry["request"]?["method"]?.string == method)
            if method != "HEAD" {
                #expect(reply.json?["id"]?.string == entry["request"]?["id"]?.string)
                #expect(reply.json?.object?.keys.sorted() == ["error", "id"])
            }
        }
    }

    @Test func aProbeSeesWhatTheGateSaw() async throws {
        try await LiveGate.serve { gate in
            let seen = try #require(try await gate.curl("/reachability?from=vsee").json)
            #expect(seen["source"]?.string?.hasPrefix(LiveGate.listed + ":") == true)
            #expect(seen["verdict"]?.string == "accepted" && seen["reason"]?.string == "listed")
            #expect(seen["entries"]?.array == ["test/clinic", "test/messenger"])
            #expect(seen["http"]?.string == "1.1" && seen["tls"] == nil)
            #expect(seen["policy"]?.string == gate.intake.policy.version)
            #expect(seen["time"]?.string.flatMap { Instant(rfc3339: $0) } != nil)
            let entry = try #require(try await gate.entries().first)
            #expect(entry["kind"]?.string == "probe" && entry["seq"]?.int == seen["seq"]?.int)
            #expect(entry["request"]?["id"]?.string == seen["id"]?.string)
            #expect(entry["request"]?["path"]?.string == "/reachability")
        }
    }

    @Test func aRepeatSaysSoAndNamesTheSameDrop() async throws {
        try await LiveGate.serve { gate in
            let first = try await gate.curl(body: Samples.v1)
            let second = try await gate.curl(body: Samples.v1)
            #expect(
                first.json?["status"]?.string == "stored" && second.json?["status"]?.string == "duplicate")
            #expect(second.status == 200 && first.json?["id"]?.string == second.json?["id"]?.string)
            #expect(try await gate.staged() == [Samples.v1])
            #expect(try await gate.entry(.duplicate)["request"]?["status"]?.int == 200)
        }
    }

    @Test(arguments: ["not json at all", "", "{\"type\":\"visit.moved\",\"id\":\"7\"}", "\u{0}\u{1}"])
    func whatIsNotRecognisedIsStoredAllTheSame(body: String) async throws {
        try await LiveGate.serve { gate in
            #expect(try await gate.curl(body: body, headers: ["content-type: text/plain"]).status == 200)
            let staged = try await gate.staged()
            #expect(staged == [body])
            let entry = try #require(try await gate.entries().first)
            #expect(entry["detail"]?["envelope"]?.string == "unrecognised")
            #expect(entry["drop"]?["event_type"]?.string == (body.contains("moved") ? "visit.moved" : nil))
        }
    }
}

@Suite struct CredentialLiveTests {
    private static func settings(_ settings: inout WebhookSettings) {
        settings.checks = WebhookChecks(
            pathSecret: Secret(Array("s3cr3t-part-of-the-path".utf8)),
            header: ("X-Gate", Secret(Array("header-value".utf8))),
            basic: ("vsee", Secret(Array("pass word".utf8))))
    }

    private static let path = "/webhooks/vsee/s3cr3t-part-of-the-path"
    private static let good = ["x-gate: header-value", "authorization: Basic dnNlZTpwYXNzIHdvcmQ="]

    @Test func allTogetherLetIn() async throws {
        try await LiveGate.serve(Self.settings) { gate in
            let reply = try await gate.curl(
                Self.path, body: "{}", "-u", "vsee:pass word", headers: [Self.good[0]])
            #expect(reply.status == 200)
            let entry = try #require(try await gate.entries().first)
            #expect(entry["request"]?["path"]?.string == "/webhooks/vsee/***")
        }
    }

    @Test(arguments: [
        (["x-gate: wrong", good[1]], ["header"]), ([good[0]], ["basic"]), ([], ["header", "basic"]),
        ([good[0], "authorization: Basic dnNlZTp3cm9uZw=="], ["basic"]),
    ])
    func whichOneFailedIsForTheLedgerOnly(headers: [String], failed: [String]) async throws {
        try await LiveGate.serve(Self.settings) { gate in
            let reply = try await gate.curl(Self.path, body: "{}", headers: headers)
            #expect(reply.status == 401 && reply.json?["error"]?.string == "unauthorized")
            #expect(reply.headers.contains("www-authenticate: basic"))
            let entry = try await gate.entry(.badSecret)
            #expect(entry["detail"]?["check"]?.array?.map(\.string) == failed)
            #expect(
                entry["request"]?["status"]?.int == 401 && entry["source"]?["ip"]?.string == LiveGate.listed)
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test(arguments: [
        "/webhooks/vsee", "/webhooks/vsee/", "/webhooks/vsee/s3cr3t-part-of-the-patH",
        "/webhook/vsee/s3cr3t-part-of-the-path",
    ])
    func aWrongPathSecretIsNotFoundAndNeverWrittenDown(path: String) async throws {
        try await LiveGate.serve(Self.settings) { gate in
            for method in ["POST", "GET"] {
                let reply = try await gate.curl(path, options: ["-X", method], headers: Self.good)
                #expect(reply.status == 404 && reply.json?["error"]?.string == "not found")
            }
            for entry in try await gate.entries() {
                let text = String(decoding: CanonicalJSON.encode(entry), as: UTF8.self)
                #expect(!text.contains("s3cr3t") && !text.contains("header-value"))
                #expect(["bad_secret", "bad_path"].contains(entry["reason"]?.string))
            }
        }
    }

    @Test func theAddressIsCheckedWhateverTheSecretsSay() async throws {
        try await LiveGate.serve({
            Self.settings(&$0)
            $0.unlisted = .refuse
        }) { gate in
            let reply = try await gate.curl(
                Self.path, from: LiveGate.unlisted, body: "{}", headers: Self.good)
            #expect(reply.status == 403 && reply.json?["error"]?.string == "forbidden")
            #expect(try await gate.entries().map { $0["reason"]?.string } == ["not_listed"])
        }
    }

    private static let key: [UInt8] = Array("signing key of 24 bytes!".utf8)

    private func signature(_ body: String, id: String, at time: Int64) -> [String] {
        let code = HMAC.code(.sha256, key: Array(Self.key), Array("\(id).\(time).\(body)".utf8)) ?? []
        return [
            "webhook-id: \(id)", "webhook-timestamp: \(time)",
            "webhook-signature: v1,\(Data(code).base64EncodedString())",
        ]
    }

    @Test func aSignedBodyIsTakenAndAnAlteredOneIsNot() async throws {
        try await LiveGate.serve({ $0.checks.standardWebhooks = [Secret(Self.key)] }) { gate in
            let now = Instant.now().microseconds / 1_000_000
            let headers = signature(Samples.v2, id: "msg_1", at: now)
            #expect(try await gate.curl(body: Samples.v2, headers: headers).status == 200)
            #expect(try await gate.curl(body: Samples.v1, headers: headers).status == 403)
            #expect(try await gate.curl(body: Samples.v2, headers: Array(headers.dropLast())).status == 403)
            let old = signature(Samples.v2, id: "msg_1", at: now - 400)
            #expect(try await gate.curl(body: Samples.v2, headers: old).status == 403)
            let reasons = try await gate.entries().map { $0["reason"]?.string }
            #expect(reasons == ["listed", "bad_signature", "bad_signature", "bad_signature"])
            let staged = try await gate.staged()
            #expect(staged == [Samples.v2])
        }
    }
}

@Suite struct BodyLiveTests {
    private static func small(_ settings: inout WebhookSettings) { settings.maxBody = 1000 }

    @Test(arguments: [["--http1.1"], ["--http2"]])
    func aBodyIsTakenUpToTheLimit(options: [String]) async throws {
        try await LiveGate.serve(tls: true, Self.small) { gate in
            for chunked in [[], ["transfer-encoding: chunked"]] {
                let body = String(repeating: chunked.isEmpty ? "a" : "b", count: 1000)
                #expect(try await gate.curl(body: body, options: options, headers: chunked).status == 200)
                let reply = try await gate.curl(body: body + "x", options: options, headers: chunked)
                #expect(reply.status == 413 && reply.json?["error"]?.string == "body too large")
            }
            #expect(try await gate.staged().count == 2)
            #expect(try await gate.entries().filter { $0["reason"]?.string == "too_large" }.count == 2)
        }
    }

    @Test func anAnnouncedLengthIsRefusedBeforeTheBodyIsRead() async throws {
        try await LiveGate.serve(Self.small) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n")
            let answer = await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 413") && answer.contains("connection: close"))
            #expect(try await gate.entry(.tooLarge)["detail"]?["announced"]?.int == 1001)
        }
    }

    @Test func whatNobodyWantsOfABodyIsReadSlowly() async throws {
        try await LiveGate.serve {
            $0.maxBody = 1000
        } body: { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            let began = ContinuousClock.now
            let size = 1 << 20
            #expect(
                client.send(
                    "POST /webhooks/vsee HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n"))
            #expect(await client.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 413"))
            #expect(client.send([UInt8](repeating: 0x61, count: size)))
            while gate.receiver.openConnections > 0, ContinuousClock.now - began < .seconds(20) {
                await Task.yield()
            }
            let reads = (size - RequestHandler.quicklyLingering) / GateChannel.longestRead
            let least = Duration.nanoseconds(RequestHandler.lingeringPause.nanoseconds) * (reads - 2)
            #expect(ContinuousClock.now - began >= least)
            #expect(gate.receiver.openConnections == 0)
        }
    }

    @Test func anEndlessChunkedBodyIsCutOff() async throws {
        try await LiveGate.serve(Self.small) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
            let chunk =
                Array("400\r\n".utf8) + Array(repeating: UInt8(ascii: "a"), count: 1024) + Array("\r\n".utf8)
            var chunks = 0
            while client.send(chunk), chunks < 20_000 { chunks += 1 }
            #expect(chunks < 20_000)
            #expect(try await gate.entry(.tooLarge)["request"]?["status"]?.int == 413)
            #expect(try await gate.staged().isEmpty)
        }
    }

    private static let chunked =
        "POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n"
        + "connection: close\r\n\r\n"

    /// In one chunk, or in one after the other: RFC 9112, 7.1.1.
    @Test(arguments: [("1;x=", "y"), ("", "1;x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\na\r\n")])
    func endlessChunkExtensionsAreCutOff(before: String, piece: String) async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(Self.chunked)
            #expect(await client.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100 "))
            client.send(before)
            let pieces = Array(String(repeating: piece, count: 4096 / piece.utf8.count).utf8)
            var sent = 0
            while client.send(pieces), sent < 64 << 20 { sent += pieces.count }
            #expect(sent < 64 << 20)
            let entry = try await gate.entry(.malformed)
            #expect(entry["detail"]?["error"]?.string?.contains("chunk extensions") == true)
            #expect(entry["request"]?["status"]?.int == 400)
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test(arguments: ["1\r\na\r\n", "00000001\r\na\r\n"])
    func aBodyOfVerySmallChunksIsTaken(chunk: String) async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(Self.chunked)
            #expect(await client.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100 "))
            client.send("2;name=\"value\"\r\naa\r\n" + String(repeating: chunk, count: 50_000))
            client.send("0;last\r\ntrailer: " + String(repeating: "t", count: 1000) + "\r\n\r\n")
            #expect(await client.readToEnd().contains("200 OK"))
            #expect(try await gate.staged() == [String(repeating: "a", count: 50_002)])
        }
    }

    @Test(arguments: [["--http1.1"], ["--http2"]])
    func aCallerThatWaitsForContinueIsToldTo(options: [String]) async throws {
        try await LiveGate.serve(tls: true) { gate in
            let reply = try await gate.curl(
                body: "{}", "--expect100-timeout", "15", options: options, headers: ["expect: 100-continue"])
            #expect(reply.status == 200)
            if options == ["--http1.1"] { #expect(reply.headers.hasPrefix("http/1.1 100 continue")) }
        }
    }

    @Test func aRefusalComesInPlaceOfContinue() async throws {
        try await LiveGate.serve(Self.small) { gate in
            let body = String(repeating: "a", count: 2000)
            let reply = try await gate.curl(
                body: body, "--expect100-timeout", "15", headers: ["expect: 100-continue"])
            #expect(reply.status == 413 && !reply.headers.contains("100 continue"))
            #expect(try await gate.curl(body: "{}", headers: ["expect: something"]).status == 417)
        }
    }

    @Test func aFullDiskIsSaidBeforeTheBodyIsRead() async throws {
        try await LiveGate.serve(reserveBytes: .max) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n")
            let answer = await client.readToEnd()
            #expect(answer.hasPrefix("HTTP/1.1 503") && answer.contains("retry-after: 60"))
            #expect(try await gate.staged().isEmpty)
        }
    }

    @Test func aLedgerThatIsBusyIsToldSoAndIsNoProblemOfTheGate() async throws {
        let disk = FailingDisk()
        let entries = try await LiveGate.serve(disk: disk) { gate in
            disk.error = LedgerError(.busy, "more waits to be written than may wait")
            let reply = try await gate.curl(body: "{\"n\":1}")
            #expect(reply.status == 503 && reply.headers.contains("retry-after: 1\r\n"), "\(reply)")
            #expect(gate.intake.accepts && gate.intake.health.problems.isEmpty)
            disk.error = nil
            #expect(try await gate.curl(body: "{\"n\":1}").json?["status"]?.string == "stored")
            #expect(try await gate.staged() == ["{\"n\":1}"])
        }
        // The refusal could not be written either; it was counted, and written later.
        let refused = entries.filter { $0["reason"]?.string == "rate_limited" }
        #expect(refused.map { $0["verdict"]?.string } == ["rejected"])
        #expect(refused.map { $0["count"]?.int } == [1])
    }

    @Test func aLedgerThatFailsIsNeverAnsweredWith200() async throws {
        let disk = FailingDisk()
        let entries = try await LiveGate.serve(disk: disk) { gate in
            #expect(try await gate.curl(body: "{\"n\":1}").status == 200)
            disk.fails = true
            let reply = try await gate.curl(body: "{\"n\":2}")
            #expect(reply.status == 503 && reply.headers.contains("retry-after: 30"))
            #expect(reply.json?["error"]?.string == "try again later")
            #expect(try await gate.curl("/reachability").status == 503)
            disk.fails = false
            #expect(try await gate.curl(body: "{\"n\":2}").json?["status"]?.string == "stored")
            #expect(try await gate.staged().sorted() == ["{\"n\":1}", "{\"n\":2}"])
        }
        // The refusals could not be written then; they were when the disk was well again.
        let refused = entries.filter { $0["reason"]?.string == "ledger_failed" }
        #expect(
            refused.map { $0["kind"]?.string }.sorted { ($0 ?? "") < ($1 ?? "") } == ["probe", "request"])
        #expect(refused.allSatisfy { $0["verdict"]?.string == "rejected" && $0["count"]?.int == 1 })
    }
}
