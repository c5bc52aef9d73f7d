// Routes, credential checks and framing, each by itself.
import Admission
import Foundation
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Settings
import TLS
import Testing

@testable import WebhookReceiver

@Suite struct RoutesTests {
    @Test(arguments: [
        ("/webhooks/vsee", Route.webhook, "/webhooks/vsee"),
        ("/webhooks/vsee?x=1#y", .webhook, "/webhooks/vsee"),
        ("/reachability", .reachability, "/reachability"), ("/reachability/", .unknown, "/reachability/"),
        ("/webhooks/vsee/", .webhook, "/webhooks/vsee"), ("/webhooks/vsee/?x", .webhook, "/webhooks/vsee"),
        ("/webhooks/vsee//", .unknown, "/webhooks/vsee/***"),
        ("/webhooks/vsee/some-secret", .unknown, "/webhooks/vsee/***"),
        ("/webhooks/vseex", .unknown, "/webhooks/vseex"), ("/Webhooks/vsee", .unknown, "/Webhooks/vsee"),
        ("//webhooks/vsee", .unknown, "//webhooks/vsee"), ("", .unknown, ""), ("*", .unknown, "*"),
        ("http://host/webhooks/vsee", .webhook, "/webhooks/vsee"),
        ("HTTPS://[2001:db8::1]:8443/webhooks/vsee/?x", .webhook, "/webhooks/vsee"),
        ("http://host:80/reachability", .reachability, "/reachability"),
        ("http://host", .unknown, "http://host"),
        ("http:///webhooks/vsee", .unknown, "http:///webhooks/vsee"),
        ("ftp://host/webhooks/vsee", .unknown, "ftp://host/webhooks/vsee"),
        ("http://ho st/webhooks/vsee", .unknown, "http://ho?st/webhooks/vsee"),
        ("http://host?/webhooks/vsee", .unknown, "http://host"),
        ("http://vsee:s3cret@host/webhooks/vsee?x", .unknown, "http://***@host/webhooks/vsee"),
        ("https://vsee:s3/c?r#e@t@host/w", .unknown, "https://***@host/w"),
        ("vsee:s3cret@host:443", .unknown, "***@host:443"), ("host:443", .unknown, "host:443"),
        ("/a:b@c", .unknown, "/a:b@c"),
        ("/wp-login.php?user=admin", .unknown, "/wp-login.php"), ("/a\u{e9}\u{7}", .unknown, "/a???"),
    ])
    func routesWithoutASecret(target: String, route: Route, masked: String) {
        let routed = Routes(path: "/webhooks/vsee", secret: nil).route(target)
        #expect(routed == RoutedTarget(route: route, maskedPath: masked))
    }

    @Test(arguments: [
        ("/webhooks/vsee/0123456789abcdefXYZ", Route.webhook, "/webhooks/vsee/***"),
        ("/webhooks/vsee/0123456789abcdefXYZ?a=b", .webhook, "/webhooks/vsee/***"),
        ("/webhooks/vsee", .wrongSecret, "/webhooks/vsee/***"),
        ("/webhooks/vsee/", .wrongSecret, "/webhooks/vsee/***"),
        ("/webhooks/vsee/0123456789abcdefXY", .wrongSecret, "/webhooks/vsee/***"),
        ("/webhooks/vsee/0123456789abcdefXYZ/", .webhook, "/webhooks/vsee/***"),
        ("/webhooks/vsee/0123456789abcdefXYZ//", .wrongSecret, "/webhooks/vsee/***"),
        ("https://a/webhooks/vsee/0123456789abcdefXYZ", .webhook, "/webhooks/vsee/***"),
        ("/webhooks/vsee/wrong/0123456789abcdefXYZ", .wrongSecret, "/webhooks/vsee/***"),
        ("/webhook/vsee/0123456789abcdefXYZ", .unknown, "/webhook/vsee/***"),
        ("/reachability", .reachability, "/reachability"), ("/.env", .unknown, "/.env"),
    ])
    func routesWithASecretAndNeverWritesItDown(target: String, route: Route, masked: String) {
        let secret = Secret(Array("0123456789abcdefXYZ".utf8))
        let routed = Routes(path: "/webhooks/vsee", secret: secret).route(target)
        #expect(routed == RoutedTarget(route: route, maskedPath: masked))
    }

    @Test(arguments: ["/hooks", "/hooks/"], ["/hooks", "/hooks/", "/hooks?x", "/hooks/?x"])
    func aSlashAtTheEndMakesNoOtherPath(path: String, target: String) {
        #expect(Routes(path: path, secret: nil).route(target).route == .webhook)
        #expect(Routes(path: path, secret: nil).route("/hooksx").route == .unknown)
        #expect(Routes(path: "/", secret: nil).route("/").route == .webhook)
        #expect(Routes(path: "/", secret: nil).route("/x").route == .unknown)
    }

    @Test func aLongUnknownPathIsCut() {
        let routed = Routes(path: "/w", secret: nil).route("/" + String(repeating: "a", count: 5000))
        #expect(routed.maskedPath.utf8.count == Routes.longestPath)
    }
}

@Suite struct HostFieldTests {
    @Test(arguments: [
        "", "a", "gate.example", "gate.example:8443", "gate.example:", "127.0.0.1:1", "[::1]",
        "[2001:db8::1]:65535",
        "a_b", "a%2Db", "xn--bcher-kva.example", "a,b", "-",
    ])
    func aHostIsOne(field: String) { #expect(HostField.isValid(field.utf8)) }

    @Test(arguments: [
        "a b", "a/b,c", "a:b", "[:::::]", "[1:2]", "[::1.2.3.4.5]", "a:65536", "a:-1", "a:80:80", "[::1",
        "::1", "[]", "[a]", "[::1]80",
        "[fe80::1%25eth0]",
        "a%2", "a%zz", "user@a", "a?b", "a#b", "\"a\"", "a\\b", "ä", "a\u{0}", "a\t", "<a>",
    ])
    func whatIsNoHostIsNot(field: String) { #expect(!HostField.isValid(field.utf8)) }
}

@Suite struct CredentialChecksTests {
    private static let checks = CredentialChecks(
        WebhookChecks(
            header: ("X-Token", Secret(Array("t0ken".utf8))),
            basic: ("vsee", Secret(Array("open:sesame".utf8)))))

    @Test(
        arguments: [
            ([("x-token", "t0ken"), ("authorization", "Basic dnNlZTpvcGVuOnNlc2FtZQ==")], []),
            ([("X-TOKEN", "t0ken"), ("Authorization", "bAsIc  dnNlZTpvcGVuOnNlc2FtZQ==")], []),
            ([("x-token", "t0ken ")], ["header", "basic"]), ([], ["header", "basic"]),
            (
                [
                    ("x-token", "t0ken"), ("x-token", "t0ken"),
                    ("authorization", "Basic dnNlZTpvcGVuOnNlc2FtZQ=="),
                ], ["header"]
            ),
            ([("x-token", "t0ken"), ("authorization", "Bearer dnNlZTpvcGVuOnNlc2FtZQ==")], ["basic"]),
            ([("x-token", "t0ken"), ("authorization", "dnNlZTpvcGVuOnNlc2FtZQ==")], ["basic"]),
            ([("x-token", "t0ken"), ("authorization", "Basic dnNlZTpvcGVuOnNlc2FtZR==")], ["basic"]),
            ([("x-token", "t0kem"), ("authorization", "Basic dnNlZTpvcGVuOnNlc2FtZQ==")], ["header"]),
        ] as [([(String, String)], [String])])
    func everyCheckIsMadeAndNamed(headers: [(String, String)], failed: [String]) {
        #expect(Self.checks.failures(in: HTTPHeaders(headers)) == failed)
    }

    @Test func withoutChecksNothingFails() {
        let none = CredentialChecks(WebhookChecks())
        #expect(none.failures(in: [:]).isEmpty && !none.wantsSignature && !none.wantsBasic)
    }

    /// The test vector of the Standard Webhooks specification's reference libraries.
    private static let key = Secret(Array("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".utf8).decodedBase64)
    private static let vector = OfferedSignature(
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: "1614265330",
        signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    private static let body = Array(#"{"test": 2432232314}"#.utf8)
    private static let then = Instant(microseconds: 1_614_265_330_000_000)

    @Test func acceptsTheReferenceVector() {
        let checks = CredentialChecks(WebhookChecks(standardWebhooks: [Secret([1, 2, 3]), Self.key]))
        #expect(checks.fault(of: Self.vector, for: Self.body, now: Self.then) == nil)
        var rotated = Self.vector
        rotated.signatures = "v1,AAAA v2,xx " + rotated.signatures
        #expect(checks.fault(of: rotated, for: Self.body, now: Self.then) == nil)
    }

    @Test(arguments: [(-300, true), (300, true), (-301, false), (301, false)])
    func theSignedTimeMayBeFiveMinutesOff(seconds: Int, isGood: Bool) {
        let checks = CredentialChecks(WebhookChecks(standardWebhooks: [Self.key]))
        let fault = checks.fault(of: Self.vector, for: Self.body, now: Self.then + .seconds(seconds))
        #expect(fault == (isGood ? nil : .stale))
    }

    @Test(
        arguments: [
            (\OfferedSignature.id, "msg_other", .wrongKey), (\.timestamp, "1614265331", .wrongKey),
            (\.timestamp, "+1614265330", .malformed), (\.timestamp, "1614265330.0", .malformed),
            (\.timestamp, "", .malformed), (\.timestamp, "99999999999999999999", .malformed),
            (\.timestamp, "1614260000", .stale),
            (\.signatures, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", .malformed),
            (\.signatures, "v1,", .wrongKey), (\.signatures, "", .malformed),
            (\.signatures, "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", .malformed),
            (\.signatures, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=", .wrongKey),
        ] as [(any WritableKeyPath<OfferedSignature, String> & Sendable, String, SignatureFault)])
    func refusesAnythingElseAndSaysWhy(
        field: any WritableKeyPath<OfferedSignature, String> & Sendable, value: String, fault: SignatureFault
    ) {
        let checks = CredentialChecks(WebhookChecks(standardWebhooks: [Self.key]))
        var offer = Self.vector
        offer[keyPath: field] = value
        #expect(checks.fault(of: offer, for: Self.body, now: Self.then) == fault)
        #expect(checks.fault(of: Self.vector, for: Self.body + [0x20], now: Self.then) == .wrongKey)
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("foobar", "Zm9vYmFy"),
    ])
    func base64IsThatOfRFC4648(plain: String, encoded: String) {
        #expect(String(decoding: Base64.encode(Array(plain.utf8)), as: UTF8.self) == encoded)
    }
}

@Suite struct BodyFramingTests {
    private func framing(_ version: HTTPVersion, _ headers: [(String, String)]) -> BodyFraming {
        BodyFraming(HTTPRequestHead(version: version, method: .POST, uri: "/", headers: HTTPHeaders(headers)))
    }

    @Test(
        arguments: [
            ([("host", "a")], BodyFraming.none), ([("host", "a"), ("content-length", "0")], .none),
            ([("host", "a"), ("content-length", "12")], .exactly(12)),
            ([("host", "a"), ("content-length", "99999999999999999999999")], .exactly(.max)),
            ([("host", "a"), ("transfer-encoding", "Chunked")], .untilEnd),
        ] as [([(String, String)], BodyFraming)])
    func theFramingOfABodyIsFound(headers: [(String, String)], expected: BodyFraming) {
        #expect(framing(.http1_1, headers) == expected)
    }

    @Test(
        arguments: [
            (HTTPVersion.http1_1, [("content-length", "1")]), (.http1_1, [("host", "a"), ("host", "b")]),
            (.http1_1, [("host", "a"), ("content-length", "1"), ("transfer-encoding", "chunked")]),
            (.http1_1, [("host", "a"), ("content-length", "1"), ("content-length", "1")]),
            (.http1_1, [("host", "a"), ("content-length", "1, 1")]),
            (.http1_1, [("host", "a"), ("content-length", "+1")]),
            (.http1_1, [("host", "a"), ("content-length", "0x1")]),
            (.http1_1, [("host", "a"), ("content-length", "")]),
            (.http1_1, [("host", "a"), ("transfer-encoding", "gzip, chunked")]),
            (.http1_1, [("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]),
            (.http1_1, [("host", "a"), ("transfer-encoding", "identity")]),
            (.http1_0, [("transfer-encoding", "chunked")]),
        ] as [(HTTPVersion, [(String, String)])])
    func ambiguityIsRefused(version: HTTPVersion, headers: [(String, String)]) {
        guard case .refused = framing(version, headers) else {
            Issue.record("\(headers) was taken")
            return
        }
    }

    @Test func http10NeedsNoHost() { #expect(framing(.http1_0, [("content-length", "3")]) == .exactly(3)) }
}

extension [UInt8] {
    /// For test vectors only.
    var decodedBase64: [UInt8] {
        Foundation.Data(base64Encoded: Foundation.Data(self)).map { [UInt8]($0) } ?? []
    }
}

@Suite struct SmallPartsTests {
    @Test(
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (1_709_208_000, "Thu, 29 Feb 2024 12:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"), (Int64.max, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] as [(Int64, String)])
    func datesAreThoseOfRFC9110(second: Int64, text: String) {
        #expect(DateLine.format(second) == text)
    }

    /// A body in pieces of a byte does not ask for each.
    @Test func roomForABodyIsTakenInSteps() throws {
        let taker = FairShares.Taker(source: try IPAddress("20.21.208.105"), isListed: true)
        let budget = BodyBudget(limit: 1 << 20, largestBody: 10)
        let share = budget.share(of: taker)
        for (bytes, taken) in [(1, 4096), (4095, 4096), (1, 8192), (4096, 12288), (100_000, 108_193)] {
            #expect(share.grow(by: bytes) && budget.taken == taken, "\(bytes)")
        }
    }

    @Test func theBudgetOfBodiesIsNeverOverdrawn() throws {
        let one = FairShares.Taker(source: try IPAddress("20.21.208.105"), isListed: true)
        let other = FairShares.Taker(source: try IPAddress("192.0.2.1"), isListed: true)
        let budget = BodyBudget(limit: 128, largestBody: 10)
        let ones = budget.share(of: one)
        #expect(ones.grow(by: 64) && !ones.grow(by: 1), "half of it is one source's")
        var others: BodyShare? = budget.share(of: other)
        #expect(others?.grow(by: 48) == true)
        #expect(others?.grow(by: 16) == false, "the last part is for those who have little")
        others = nil
        #expect(
            budget.hasRoom(for: 40, of: other) && !budget.hasRoom(for: 65, of: other) && budget.taken == 64)
        let again = budget.share(of: other)
        #expect(budget.taken == 64 && again.grow(by: 40), "it was given back with the body")
        #expect(BodyBudget(limit: 100, largestBody: 80).share(of: one).grow(by: 80))
        #expect(BodyBudget(limit: 100, largestBody: .max).share(of: one).grow(by: 1 << 40))
    }

    @Test func placesOfSourcesStrangersAndProxiesAreKeptApart() throws {
        func taker(_ n: Int, listed: Bool = true) throws -> FairShares.Taker {
            FairShares.Taker(source: try IPAddress("192.0.2.\(n)"), isListed: listed)
        }
        var shares = FairShares(total: 1024, perSource: 256)
        for n in 1...4 {
            for _ in 0..<256 { _ = shares.take(1, try taker(n, listed: false)) }
        }
        #expect(shares.used == 128, "all strangers together")
        for n in 5...7 {
            for _ in 0..<256 { _ = shares.take(1, try taker(n)) }
        }
        var isTaken = shares.take(1, try taker(5))
        #expect(shares.used == 1024 - 128 && !isTaken)
        for n in 30...37 {
            for _ in 0..<256 { _ = shares.take(1, try taker(n)) }
        }
        #expect(shares.used == 1024, "sixteen for each that has nothing yet")
        isTaken = shares.take(1, .proxy)
        #expect(!isTaken)
        shares.giveBack(1, try taker(5))
        isTaken = shares.take(1, .proxy)
        var isMoved = shares.move(1, from: .proxy, to: try taker(5))
        #expect(isTaken && !isMoved)
        isMoved = shares.move(1, from: .proxy, to: try taker(40))
        #expect(isMoved && shares.used == 1024)
    }

    @Test func whatIsTakenIsGivenBackWhole() throws {
        var random = SystemRandomNumberGenerator()
        var shares = FairShares(total: 100, perSource: 30)
        var taken: [(Int, FairShares.Taker)] = []
        for _ in 0..<10_000 {
            let taker = FairShares.Taker(
                source: IPAddress(bytes: [10, 0, 0, UInt8.random(in: 0...9, using: &random)]),
                isListed: Bool.random(using: &random))
            let count = Int.random(in: 1...8, using: &random)
            if Bool.random(using: &random), let (count, taker) = taken.popLast() {
                shares.giveBack(count, taker)
            } else if shares.take(count, taker) {
                taken.append((count, taker))
            }
            #expect(shares.used <= 100 && shares.used == taken.reduce(0) { $0 + $1.0 })
            let strangers = taken.filter { !$0.1.isListed }.reduce(0) { $0 + $1.0 }
            #expect(strangers <= 12)
        }
        for (count, taker) in taken { shares.giveBack(count, taker) }
        #expect(shares.used == 0)
    }

    @Test func theEndIsWhenTheLastConnectionAndTheLastRequestAreGone() async throws {
        let connections = OpenConnections(total: 2, perSource: 1)
        await connections.areGone()
        let place = try #require(connections.enter(.proxy))
        connections.requestBegan()
        let ended = Task {
            await connections.areGone()
            return connections.open
        }
        let channel = EmbeddedChannel()
        #expect(connections.add(channel, place))
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        connections.requestEnded()
        #expect(await ended.value == 0)
        // Given back already.
        connections.leave(place)
        #expect(connections.open == 0)
    }

    @Test func absurdTimesSaturate() {
        #expect(TimeAmount(bounded: .seconds(Int64.max)).nanoseconds == Int64.max / 4)
        #expect(TimeAmount(bounded: .milliseconds(1500)) == .milliseconds(1500))
    }
}
