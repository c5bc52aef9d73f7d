// Who may connect and call, seen from real sockets: all address modes, both answers to the unlisted, limits.
import Admission
import Intake
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

    @Test func anEntryInObserveModeLetsInAndSaysSo() async throws {
        try await LiveGate.serve { gate in
            #expect(try await gate.curl(from: LiveGate.observed, body: "{}").status == 200)
            let entry = try #require(try await gate.entries().first)
            #expect(entry["verdict"]?.string == "observed" && entry["reason"]?.string == "not_listed")
            #expect(entry["entries"]?.array == ["test/maybe"] && entry["drop"]?["id"] != nil)
        }
    }

    @Test func aSourceTakenFromTheListIsRefusedOnItsOpenConnection() async throws {
        try await LiveGate.serve { gate in
            let client = try RawClient(from: LiveGate.observed, port: gate.port)
            client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await client.read(through: "}\n").contains("200 OK"))
            gate.intake.use(try LiveGate.policy(without: "maybe"))
            client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await client.read(through: "}\n").contains("403 Forbidden"))
            #expect(try await gate.entry(.notListed, kind: .request)["verdict"]?.string == "rejected")
        }
    }

    @Test func anUnknownPeerIsRefused() throws {
        #expect(Endpoint(nil) == nil)
        #expect(Endpoint(try .init(unixDomainSocketPath: "/tmp/x")) == nil)
        #expect(Endpoint(try .init(ipAddress: "::ffff:20.21.208.105", port: 7))?.ip.isIPv4 == true)
    }
}

@Suite struct ConnectionLimitTests {
    @Test func oneSourceMayHoldOnlySoMany() async throws {
        try await LiveGate.serve({ $0.maxConnectionsPerSource = 2 }) { gate in
            var held: [RawClient] = []
            for _ in 0..<2 {
                let client = try RawClient(from: LiveGate.listed, port: gate.port)
                client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
                #expect(await client.read(through: "}\n").contains("200 OK"))
                held.append(client)
            }
            #expect(await (try RawClient(from: LiveGate.listed, port: gate.port)).readToEnd() == "")
            let entry = try await gate.entry(.connectionLimit)
            #expect(entry["detail"]?["limit_per_source"]?.int == 2 && entry["verdict"]?.string == "rejected")
            #expect(try await gate.curl("/reachability", from: LiveGate.observed).status == 200)
            held[0].send("GET /reachability HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            #expect(await held[0].readToEnd().contains("200 OK"))
            try await gate.waitForConnections(1)
            #expect(try await gate.curl("/reachability").status == 200)
        }
    }

    @Test func allTogetherMayHoldOnlySoMany() async throws {
        try await LiveGate.serve({ $0.maxConnections = 1 }) { gate in
            let client = try RawClient(from: LiveGate.observed, port: gate.port)
            client.send("GET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await client.read(through: "}\n").contains("200 OK"))
            #expect(await (try RawClient(from: LiveGate.listed, port: gate.port)).readToEnd() == "")
            #expect(try await gate.entry(.connectionLimit)["detail"]?["limit"]?.int == 1)
        }
    }
}

@Suite struct ProxyProtocolAdmissionTests {
    private static func settings(_ settings: inout WebhookSettings) throws {
        settings.address = AddressSettings(
            mode: .proxyProtocol, trustedProxies: [try CIDRBlock("127.0.0.20"), try CIDRBlock("127.0.0.21")])
    }

    private static let get = "GET /reachability HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"

    @Test func theSourceIsTheOneInTheHeader() async throws {
        try await LiveGate.serve(Self.settings) { gate in
            let client = try RawClient(from: LiveGate.proxy, port: gate.port)
            client.send("PROXY TCP4 20.21.208.105 10.0.0.1 4711 443\r\n" + Self.get)
            let answer = await client.readToEnd()
            #expect(answer.contains("200 OK") && answer.contains(#""source":"20.21.208.105:4711""#))
            let entry = try #require(try await gate.entries().first)
            #expect(entry["kind"]?.string == "probe" && entry["source"]?["port"]?.int == 4711)
            #expect(
                entry["peer"]?["ip"]?.string == LiveGate.proxy
                    && entry["address_mode"]?.string == "proxy-protocol")
        }
    }

    @Test func aHeaderInPiecesAndSurplusBytesReachTLS() async throws {
        try await LiveGate.serve(tls: true, Self.settings) { gate in
            // curl names its own address, which is the proxy's here: it calls for itself, and delivers nothing.
            let refused = try await gate.curl(from: LiveGate.proxy, body: "{}", "--haproxy-protocol")
            #expect(refused.status == 403)
            #expect(try await gate.entry(.addressUndeterminable)["peer"]?["ip"]?.string == LiveGate.proxy)
            gate.intake.use(
                try Policy(entries: [
                    SourceEntry(
                        list: "t", service: "p", cidr: try CIDRBlock(LiveGate.proxy), channels: [.webhook])
                ]))
            let reply = try await gate.curl(from: LiveGate.proxy, body: "{}", "--haproxy-protocol", "--http2")
            #expect(reply.status == 200 && reply.version == "2")
        }
    }

    @Test(arguments: [
        ("PROXY TCP4 127.0.0.13 10.0.0.1 1 2\r\n", Reason.notListed),
        ("GET / HTTP/1.1\r\n\r\n", .badProxyHeader),
        ("PROXY TCP4 20.21.208.0105 10.0.0.1 1 2\r\n", .badProxyHeader),
    ])
    func everythingElseIsClosed(header: String, reason: Reason) async throws {
        try await LiveGate.serve(Self.settings) { gate in
            let client = try RawClient(from: LiveGate.proxy, port: gate.port)
            client.send(header + Self.get)
            #expect(await client.readToEnd() == "")
            let entry = try await gate.entry(reason)
            #expect(entry["kind"]?.string == "connection" && entry["verdict"]?.string == "rejected")
        }
    }

    @Test func anUnlistedSourceBehindTheProxyIsRefusedInHTTPWhereThatIsSet() async throws {
        try await LiveGate.serve({
            try Self.settings(&$0)
            $0.unlisted = .refuse
        }) { gate in
            let client = try RawClient(from: LiveGate.proxy, port: gate.port)
            client.send("PROXY TCP4 127.0.0.13 10.0.0.1 1 2\r\n" + Self.get)
            #expect(await client.readToEnd().contains("403 Forbidden"))
        }
    }

    @Test func aPeerThatIsNoProxyIsClosedWithoutAHeader() async throws {
        try await LiveGate.serve(Self.settings) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            #expect(await client.readToEnd() == "")
            let entry = try await gate.entry(.badProxyHeader)
            #expect(entry["peer"]?["ip"]?.string == LiveGate.listed && entry["source"] == nil)
        }
    }

    @Test func aHeaderThatDoesNotComeIsNotWaitedFor() async throws {
        try await LiveGate.serve(Self.settings) { gate in
            let client = try RawClient(from: LiveGate.proxy, port: gate.port)
            client.send("PROXY TCP4 ")
            let start = ContinuousClock.now
            #expect(await client.readToEnd() == "")
            #expect((.seconds(2)...(.seconds(6))).contains(ContinuousClock.now - start))
            #expect(try await gate.entry(.timeout)["detail"]?["phase"]?.string == "proxy_header")
        }
    }

    private static let local = "\r\n\r\n\0\r\nQUIT\n\u{20}\0\0\0"

    /// HAProxy's checks: nothing behind the header, or a question of any kind, answered and no attempt.
    @Test(
        arguments: [
            local, "PROXY TCP4 127.0.0.20 127.0.0.1 4711 443\r\n", "PROXY UNKNOWN\r\n",
            "PROXY UNKNOWN 1.2.3.4 5.6.7.8 9 10\r\n",
        ],
        ["", "OPTIONS / HTTP/1.0\r\n\r\n", "GET /any HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"])
    func aProxyThatCallsForItselfMayAskAndLeavesNoEntry(header: String, request: String) async throws {
        try await LiveGate.serve(Self.settings) { gate in
            do {
                let client = try RawClient(from: LiveGate.proxy, port: gate.port)
                client.send(header + request)
                client.finish()
                let answer = await client.readToEnd()
                #expect(request.isEmpty ? answer == "" : answer.contains(" 200 OK\r\n"), "\(answer)")
            }
            try await gate.waitForConnections(0)
            #expect(try await gate.entries().isEmpty)
        }
    }

    @Test(arguments: [local, "PROXY UNKNOWN\r\n"])
    func aProxyThatCallsForItselfDeliversNothing(header: String) async throws {
        try await LiveGate.serve(Self.settings) { gate in
            let client = try RawClient(from: LiveGate.proxy, port: gate.port)
            client.send(header + "POST /webhooks/vsee HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
            #expect(await client.readToEnd().hasPrefix("HTTP/1.1 403 "))
            #expect(try await gate.entry(.addressUndeterminable)["peer"]?["ip"]?.string == LiveGate.proxy)
            #expect(try await gate.staged().isEmpty)
        }
    }

    /// A client may lie in a trusted block, too.
    @Test func anotherSourceOfATrustedBlockIsNoProxy() async throws {
        try await LiveGate.serve(Self.settings) { gate in
            let client = try RawClient(from: LiveGate.proxy, port: gate.port)
            client.send("PROXY TCP4 127.0.0.21 127.0.0.1 4711 443\r\n" + Self.get)
            #expect(await client.readToEnd() == "")
            #expect(try await gate.entry(.notListed)["source"]?["ip"]?.string == "127.0.0.21")
        }
    }

    @Test func aProxyThatShakesHandsOnlyLeavesNoEntry() async throws {
        try await LiveGate.serve(tls: true, Self.settings) { gate in
            for bytes in ["", "\u{16}"] {
                let client = try RawClient(from: LiveGate.proxy, port: gate.port)
                client.send(Self.local + bytes)
                client.finish()
                _ = await client.readToEnd()
            }
            try await gate.waitForConnections(0)
            #expect(try await gate.entries().isEmpty)
        }
    }

    @Test func aProxyThatOnlyLooksLeavesNoEntry() async throws {
        try await LiveGate.serve(Self.settings) { gate in
            do {
                let client = try RawClient(from: LiveGate.proxy, port: gate.port)
                client.finish()
                #expect(await client.readToEnd() == "")
            }
            try await gate.waitForConnections(0)
            #expect(try await gate.entries().isEmpty)
        }
    }

    @Test func theLimitPerSourceCountsTheSourceBehindTheProxy() async throws {
        try await LiveGate.serve({
            try Self.settings(&$0)
            $0.maxConnectionsPerSource = 1
        }) { gate in
            func open(_ source: String) async throws -> (RawClient, String) {
                let client = try RawClient(from: LiveGate.proxy, port: gate.port)
                client.send(
                    "PROXY TCP4 \(source) 10.0.0.1 1 2\r\nGET /reachability HTTP/1.1\r\nhost: a\r\n\r\n")
                return (client, await client.read(through: "}\n"))
            }
            let first = try await open("20.21.208.105")
            let second = try await open("20.21.208.105")
            let other = try await open(LiveGate.listed)
            #expect(first.1.contains("200 OK") && second.1 == "" && other.1.contains("200 OK"))
            #expect(try await gate.entry(.connectionLimit)["source"]?["ip"]?.string == "20.21.208.105")
        }
    }
}

@Suite struct ForwardedAdmissionTests {
    private static func settings(_ mode: AddressMode) -> (inout WebhookSettings) throws -> Void {
        {
            $0.address = AddressSettings(
                mode: mode, trustedProxies: [try CIDRBlock("127.0.0.20"), try CIDRBlock("127.0.0.21")])
        }
    }

    @Test(
        arguments: [
            (AddressMode.xForwardedFor, ["x-forwarded-for: 20.21.208.105"], 200, "listed"),
            (
                .xForwardedFor, ["X-Forwarded-For: 6.6.6.6, 20.21.208.105", "x-forwarded-for: 127.0.0.21"],
                200, "listed"
            ),
            (.xForwardedFor, ["x-forwarded-for: 20.21.208.105, 6.6.6.6"], 403, "not_listed"),
            (.xForwardedFor, ["x_forwarded_for: 20.21.208.105"], 403, "address_undeterminable"),
            (.xForwardedFor, [], 403, "address_undeterminable"),
            (
                .xForwardedFor, ["x-forwarded-for: 20.21.208.105", "forwarded: for=6.6.6.6"], 200,
                "listed"
            ),
            (.xForwardedFor, ["x-forwarded-for: unknown, , 20.21.208.105"], 200, "listed"),
            (.xForwardedFor, ["x-forwarded-for: 20.21.208.105, unknown"], 403, "address_undeterminable"),
            (.xForwardedFor, ["x-forwarded-for: 127.0.0.20"], 403, "address_undeterminable"),
            (
                .xForwardedFor, ["x-forwarded-for: 20.21.208.105", "connection: x-forwarded-for"], 200,
                "listed"
            ),
            (.forwarded, ["forwarded: for=\"[2001:db8::9]:47\";proto=https"], 200, "listed"),
            (.forwarded, ["forwarded: for=unknown"], 403, "address_undeterminable"),
        ] as [(AddressMode, [String], Int, String)])
    func eachRequestIsDecidedByItsHeaders(mode: AddressMode, headers: [String], status: Int, reason: String)
        async throws
    {
        try await LiveGate.serve(tls: true, Self.settings(mode)) { gate in
            let reply = try await gate.curl(from: LiveGate.proxy, body: "{}", headers: headers)
            #expect(reply.status == status)
            let entry = try #require(try await gate.entries().first)
            #expect(entry["reason"]?.string == reason && entry["kind"]?.string == "request")
            #expect(entry["address_mode"]?.string == mode.rawValue)
            #expect(try await gate.staged().count == (status == 200 ? 1 : 0))
            if status == 403 { #expect(entry["request"]?["id"]?.string == reply.json?["id"]?.string) }
        }
    }

    @Test(arguments: UnlistedAnswer.allCases)
    func aPeerThatIsNoProxyIsClosedAtAccept(unlisted: UnlistedAnswer) async throws {
        for mode in [AddressMode.xForwardedFor, .forwarded] {
            try await LiveGate.serve(
                tls: true,
                {
                    try Self.settings(mode)(&$0)
                    $0.unlisted = unlisted
                }
            ) { gate in
                let reply = try await gate.curl(
                    from: LiveGate.listed, body: "{}", headers: ["x-forwarded-for: 20.21.208.105"])
                #expect(reply.exit != 0 && reply.status == 0)
                let entry = try await gate.entry(.addressUndeterminable)
                #expect(entry["peer"]?["ip"]?.string == LiveGate.listed)
                #expect(entry["kind"]?.string == "connection")
                #expect(try await gate.entries().count == 1)
            }
        }
    }

    @Test func theHealthPathIsForProxiesAndListedSources() async throws {
        try await LiveGate.serve(
            tls: true,
            {
                try Self.settings(.xForwardedFor)(&$0)
                $0.healthPath = "/up"
            }
        ) { gate in
            for options in [[], ["-I"], ["-X", "OPTIONS"]] {
                let reply = try await gate.curl("/up", from: LiveGate.proxy, options: options)
                #expect(reply.status == 200)
            }
            #expect(try await gate.entries().isEmpty)
            #expect(try await gate.curl("/up", from: LiveGate.proxy, body: "{}").status == 403)
            #expect(try await gate.curl("/healthz", from: LiveGate.proxy).status == 403)
            // For somebody else, and one who is not listed: an attempt like any other.
            for headers in [["x-forwarded-for: 6.6.6.6"], ["forwarded: for=6.6.6.6"]] {
                #expect(try await gate.curl("/up", from: LiveGate.proxy, headers: headers).status == 403)
            }
            #expect(try await gate.entry(.notListed)["source"]?["ip"]?.string == "6.6.6.6")
            gate.intake.health.set(problem: "certificate", message: "look")
            #expect(try await gate.curl("/up", from: LiveGate.proxy).status == 200)
            gate.intake.health.set(problem: "ledger", message: "cannot be written")
            #expect(try await gate.curl("/up", from: LiveGate.proxy).status == 503)
            gate.intake.health.clear(problem: "ledger")
            // There is room again: who asks finds out, and need not wait for somebody to deliver.
            gate.intake.health.set(problem: "space", message: "the disk was full")
            #expect(try await gate.curl("/up", from: LiveGate.proxy).status == 200)
            #expect(gate.intake.health.problems["space"] == nil)
        }
        try await LiveGate.serve({ $0.unlisted = .refuse }) { gate in
            let reply = try await gate.curl("/healthz")
            #expect(reply.json?["status"]?.string == "ok")
            #expect(try await gate.entries().isEmpty)
            #expect(try await gate.curl("/healthz", from: LiveGate.unlisted).status == 403)
            #expect(try await gate.entry(.notListed)["request"]?["path"]?.string == "/healthz")
        }
    }

    @Test func requestsOfOneProxyConnectionHaveTheirOwnSources() async throws {
        try await LiveGate.serve(Self.settings(.xForwardedFor)) { gate in
            let client = try RawClient(from: LiveGate.proxy, port: gate.port)
            for (source, status) in [("20.21.208.105", "200"), ("6.6.6.6", "403"), (LiveGate.listed, "200")] {
                client.send("GET /reachability HTTP/1.1\r\nhost: a\r\nx-forwarded-for: \(source)\r\n\r\n")
                #expect(await client.read(through: "}\n").hasPrefix("HTTP/1.1 \(status)"))
            }
            #expect(
                try await gate.entries().map { $0["source"]?["ip"]?.string } == [
                    "20.21.208.105", "6.6.6.6", LiveGate.listed,
                ])
        }
    }
}
