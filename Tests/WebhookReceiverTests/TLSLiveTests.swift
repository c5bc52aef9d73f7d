// TLS as callers meet it: versions, HTTP/2, client certificates, failed handshakes, certificates that change.
import Admission
import Files
import Foundation
import Intake
import JSON
import Ledger
import ListenerTLS
import Settings
import Support
import Testing

@testable import WebhookReceiver

@Suite struct TLSTests {
    @Test(arguments: [
        (["--http1.1", "--tls-max", "1.2"], "1.1", "1.2"), (["--http1.1", "--tlsv1.3"], "1.1", "1.3"),
        (["--http2", "--tls-max", "1.2"], "2", "1.2"), (["--http2", "--tlsv1.3"], "2", "1.3"),
        (["--no-alpn", "--tlsv1.3"], "1.1", "1.3"),
    ])
    func bothProtocolsOverBothVersions(options: [String], http: String, tls: String) async throws {
        try await LiveGate.serve(tls: true) { gate in
            let probe = try await gate.curl("/reachability", options: options)
            #expect(probe.status == 200 && probe.version == http)
            #expect(probe.json?["http"]?.string == http && probe.json?["tls"]?.string == tls)
            let reply = try await gate.curl(body: Samples.v2, options: options)
            #expect(reply.status == 200 && reply.version == http)
            #expect(try await gate.staged() == [Samples.v2])
        }
    }

    @Test func olderVersionsAreRefusedAndRecorded() async throws {
        try await LiveGate.serve(tls: true) { gate in
            let reply = try await gate.curl(
                body: "{}", options: ["--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"])
            #expect(reply.exit != 0)
            let entry = try await gate.entry(.tlsFailed)
            #expect(entry["kind"]?.string == "connection" && entry["verdict"]?.string == "rejected")
            #expect(entry["source"]?["ip"]?.string == LiveGate.listed && entry["entries"]?.array?.count == 2)
            #expect(entry["detail"]?["error"]?.string?.isEmpty == false)
        }
    }

    @Test(arguments: ["1.2", "1.3"])
    func aCallerThatDoesNotTrustTheCertificateIsRecordedWithItsComplaint(version: String) async throws {
        try await LiveGate.serve(tls: true) { gate in
            let result = try await Shell.run(
                [
                    "curl", "-sS", "--tls-max", version, "--interface", LiveGate.listed,
                    "https://127.0.0.1:\(gate.port)/reachability",
                ])
            #expect(result.status == 60)
            let detail = try await gate.entry(.tlsFailed)["detail"]
            #expect(
                detail?["hint"]?.string?.contains("does not trust the gate's certificate") == true,
                "\(detail ?? "")")
            #expect(detail?["error"]?.string?.contains("/") == false)
        }
    }

    /// `tls.old_senders` opens them to those alone that it names.
    @Test(arguments: [
        ("ECDHE-ECDSA-AES128-SHA", LiveGate.listed, true),
        ("ECDHE-ECDSA-AES256-SHA384", LiveGate.listed, true),
        ("ECDHE-ECDSA-AES128-SHA", LiveGate.observed, false),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", LiveGate.listed, true),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", LiveGate.observed, true),
    ])
    func aNamedOldSenderMayUseOtherCiphers(cipher: String, source: String, isServed: Bool) async throws {
        let old = try CIDRBlock(LiveGate.listed + "/32")
        try await LiveGate.serve(tls: true, { $0.tls?.oldSenders = [old] }) { gate in
            let options = ["--tls-max", "1.2", "--ciphers", cipher]
            let reply = try await gate.curl(from: source, body: "{}", options: options)
            #expect(reply.status == (isServed ? 200 : 0))
        }
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nhost: a\r\n\r\n", "\u{16}\u{3}\u{1}", ""])
    func whatIsNoTLSIsRecorded(bytes: String) async throws {
        try await LiveGate.serve(tls: true) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send(bytes)
            client.finish()
            _ = await client.readToEnd()
            let entry = try await gate.entry(.tlsFailed)
            #expect(entry["source"]?["ip"]?.string == LiveGate.listed)
            #expect(entry["detail"]?["error"]?.string?.isEmpty == false)
            let hint = entry["detail"]?["hint"]?.string
            #expect(hint == (bytes.hasPrefix("GET") ? "the caller did not speak TLS" : nil))
            #expect(try await gate.entries().count == 1)
        }
    }

    @Test func aHandshakeThatStopsIsCutOffAndRecorded() async throws {
        try await LiveGate.serve(tls: true, { $0.headerTimeout = .milliseconds(300) }) { gate in
            let client = try RawClient(from: LiveGate.listed, port: gate.port)
            client.send("\u{16}\u{3}\u{1}")
            #expect(await client.readToEnd() == "")
            #expect(try await gate.entry(.timeout)["detail"]?["phase"]?.string == "handshake")
            #expect(try await gate.entries().count == 1)
        }
    }

    @Test func aFailedHandshakeOfARefusedSourceKeepsItsReason() async throws {
        try await LiveGate.serve(tls: true, { $0.unlisted = .refuse }) { gate in
            let client = try RawClient(from: LiveGate.unlisted, port: gate.port)
            client.send("hello\r\n\r\n")
            _ = await client.readToEnd()
            let entry = try await gate.entry(.notListed)
            #expect(
                entry["kind"]?.string == "connection" && entry["detail"]?["ended_by"]?.string == "tls_failed")
        }
    }

    @Test func manyStreamsOfOneConnectionAreEachStored() async throws {
        try await LiveGate.serve(tls: true) { gate in
            let urls = (0..<40).map { "https://127.0.0.1:\(gate.port)/webhooks/vsee?n=\($0)" }
            let certificates = try await Certificates.shared.value
            let result = try await Shell.run(
                [
                    "curl", "-sS", "--http2", "--parallel", "--parallel-immediate", "--interface",
                    LiveGate.listed,
                    "--cacert", certificates.path("ca.pem"), "-d", "{}", "-w", "%{http_code}\n",
                ] + urls.flatMap { ["-o", "/dev/null", $0] })
            #expect(
                result.output.split(separator: "\n").map(String.init) == Array(repeating: "200", count: 40))
            let reasons = try await gate.entries().map { $0["reason"]?.string }
            #expect(
                reasons.filter { $0 == "listed" }.count == 1
                    && reasons.filter { $0 == "duplicate" }.count == 39)
        }
    }

    @Test func aBodyLargerThanTheWindowComesThroughHTTP2() async throws {
        try await LiveGate.serve(tls: true) { gate in
            let body = String(repeating: "0123456789abcdef", count: 1 << 18)
            #expect(try await gate.curl(body: body, "--http2").status == 200)
            let staged = try await gate.staged()
            #expect(staged == [body])
        }
    }
}

@Suite struct ClientCertificateTests {
    private static func settings(_ certificates: Certificates) -> (inout WebhookSettings) throws -> Void {
        { $0.tls?.clientAuthorities = certificates.path("ca.pem") }
    }

    @Test(arguments: ["1.2", "1.3"])
    func oneOfTheAuthorityIsTakenAndNamed(version: String) async throws {
        let certificates = try await Certificates.shared.value
        try await LiveGate.serve(tls: true, Self.settings(certificates)) { gate in
            let reply = try await gate.curl(
                body: "{}",
                options: [
                    "--tls-max", version, "--cert", certificates.path("client.pem"), "--key",
                    certificates.path("client.key"),
                ])
            #expect(reply.status == 200)
            let print = try await Shell.run(
                [
                    "openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
                    certificates.path("client.pem"),
                ])
            let hex = print.output.split(separator: "=")[1].filter(\.isHexDigit).lowercased()
            #expect(try await gate.entries().first?["credential"]?.string == "SHA256:" + hex)
        }
    }

    /// Its authority may have been replaced, and it may have expired.
    @Test(arguments: ["--http1.1", "--http2"])
    func aCallerIsAskedForItsCertificateAgainWhenItsConnectionIsOld(http: String) async throws {
        let certificates = try await Certificates.shared.value
        func connections(age: Duration, withCertificate: Bool) async throws -> Int {
            var found = 0
            let change: (inout WebhookSettings) throws -> Void = { settings in
                if withCertificate { try Self.settings(certificates)(&settings) }
            }
            try await LiveGate.serve(tls: true, certificateAge: age, change) { gate in
                let url = "https://127.0.0.1:\(gate.port)/webhooks/vsee"
                let identity =
                    withCertificate
                    ? ["--cert", certificates.path("client.pem"), "--key", certificates.path("client.key")]
                    : []
                let result = try await Shell.run(
                    [
                        "curl", "-sS", http, "--interface", LiveGate.listed, "--cacert",
                        certificates.path("ca.pem"),
                    ] + identity
                        + ["-d", "{}", "-w", "%{num_connects} %{http_code}\n"]
                        + [url, url, url].flatMap { ["-o", "/dev/null", $0] })
                let lines = result.output.split(separator: "\n").map { $0.split(separator: " ") }
                #expect(lines.map(\.last) == ["200", "200", "200"], "\(result.output)")
                found = lines.compactMap { $0.first.flatMap { Int($0) } }.reduce(0, +)
            }
            return found
        }
        // HTTP/2 says when it ends (GOAWAY): what the client sends before it hears that is answered.
        let many = try await connections(age: .zero, withCertificate: true)
        #expect(http == "--http2" ? many > 1 : many == 3, "\(many)")
        #expect(try await connections(age: .seconds(300), withCertificate: true) == 1)
        #expect(try await connections(age: .zero, withCertificate: false) == 1)
    }

    @Test(arguments: [nil, "stranger"] as [String?], ["1.2", "1.3"])
    func noneOrAStrangersFailsTheHandshake(name: String?, version: String) async throws {
        let certificates = try await Certificates.shared.value
        try await LiveGate.serve(tls: true, Self.settings(certificates)) { gate in
            var options = ["--tls-max", version]
            if let name {
                options += [
                    "--cert", certificates.path(name + ".pem"), "--key", certificates.path(name + ".key"),
                ]
            }
            let reply = try await gate.curl(body: "{}", options: options)
            #expect(reply.exit != 0 && reply.status == 0)
            let entry = try await gate.entry(.tlsFailed)
            #expect(entry["verdict"]?.string == "rejected")
            #expect(
                entry["detail"]?["hint"]?.string?.contains(name == nil ? "no client" : "authorities") == true)
            #expect(try await gate.staged().isEmpty)
        }
    }
}

@Suite struct CertificateKeeperTests {
    private struct Pair {
        let gate: LiveGate
        var certificate: String { gate.directory.file("live.pem") }
        var key: String { gate.directory.file("live.key") }

        func put(_ name: String, as file: String) async throws {
            let bytes = try Data(contentsOf: URL(filePath: try await Certificates.shared.value.path(name)))
            try bytes.write(to: URL(filePath: gate.directory.file(file)), options: .atomic)
            try #require(chmod(gate.directory.file(file), 0o600) == 0)
        }

        func keeper() throws -> CertificateReloader {
            try CertificateReloader(
                TLSSettings(certificate: certificate, key: key), health: gate.intake.health)
        }
    }

    @Test func aNewPairIsTakenAndABadOneKeepsTheOld() async throws {
        try await LiveGate.serve { gate in
            let pair = Pair(gate: gate)
            try await pair.put("server.pem", as: "live.pem")
            try await pair.put("server.key", as: "live.key")
            let keeper = try pair.keeper()
            let first = keeper.context(for: nil)
            #expect(!keeper.refresh() && keeper.context(for: nil) === first)

            // Only the certificate has been renewed so far: it does not fit the key.
            try await pair.put("next.pem", as: "live.pem")
            #expect(!keeper.refresh() && keeper.context(for: nil) === first)
            #expect(
                gate.intake.health.problems[HealthProblem.certificate.rawValue]?.contains("live.pem") == true)

            try await pair.put("next.key", as: "live.key")
            #expect(keeper.refresh() && keeper.context(for: nil) !== first)
            #expect(gate.intake.health.problems.isEmpty)

            let second = keeper.context(for: nil)
            // What the next start would refuse is not taken over either.
            try #require(chmod(pair.key, 0o644) == 0)
            #expect(!keeper.refresh() && keeper.context(for: nil) === second)
            #expect(
                gate.intake.health.problems[HealthProblem.certificate.rawValue]?.contains("chmod 600") == true
            )
            try Data("rubbish".utf8).write(to: URL(filePath: pair.key))
            #expect(!keeper.refresh() && !keeper.refresh() && keeper.context(for: nil) === second)
            #expect(gate.intake.health.problems[HealthProblem.certificate.rawValue] != nil)
            try FileManager.default.removeItem(atPath: pair.key)
            #expect(!keeper.refresh() && keeper.context(for: nil) === second)
            try await pair.put("next.key", as: "live.key")
            #expect(keeper.refresh() && gate.intake.health.problems.isEmpty)
        }
    }

    enum Way: String, CaseIterable {
        case keyFirst = "the key first, each renamed into place"
        case certificateFirst = "the certificate first, each renamed into place"
        case inPlace = "both written in place"
        case link = "a symbolic link to the directory of both, swapped"
    }

    @Test(arguments: Way.allCases)
    func aNewPairIsTakenHoweverItComes(way: Way) async throws {
        let certificates = try await Certificates.shared.value
        let files = try TemporaryDirectory("reload")
        func copy(_ name: String, to file: String, atomically: Bool) throws {
            let bytes = try Data(contentsOf: URL(filePath: certificates.path(name)))
            try bytes.write(to: URL(filePath: files.file(file)), options: atomically ? .atomic : [])
            try #require(chmod(files.file(file), 0o600) == 0)
        }
        for name in ["server", "next"] {
            try FileManager.default.createDirectory(
                atPath: files.file(name), withIntermediateDirectories: true)
            for suffix in [".pem", ".key"] {
                try copy(name + suffix, to: "\(name)/live\(suffix)", atomically: true)
            }
        }
        try FileManager.default.createSymbolicLink(atPath: files.file("live"), withDestinationPath: "server")
        try await LiveGate.serve { gate in
            let keeper = try CertificateReloader(
                TLSSettings(
                    certificate: files.file("live/live.pem"), key: files.file("live/live.key")),
                health: gate.intake.health)
            let first = keeper.context(for: nil)
            switch way {
            case .keyFirst, .certificateFirst:
                let order = way == .keyFirst ? [".key", ".pem"] : [".pem", ".key"]
                try copy("next" + order[0], to: "server/live" + order[0], atomically: true)
                #expect(!keeper.refresh() && keeper.context(for: nil) === first, "half of a pair is none")
                try copy("next" + order[1], to: "server/live" + order[1], atomically: true)
            case .inPlace:
                for suffix in [".pem", ".key"] {
                    try copy("next" + suffix, to: "server/live" + suffix, atomically: false)
                }
            case .link:
                try FileManager.default.createSymbolicLink(
                    atPath: files.file("swap"), withDestinationPath: "next")
                #expect(rename(files.file("swap"), files.file("live")) == 0)
            }
            #expect(keeper.refresh() && keeper.context(for: nil) !== first)
            #expect(gate.intake.health.problems.isEmpty)
        }
    }

    @Test func anUnusablePairIsAnErrorAtTheStartThatNamesTheFile() async throws {
        let certificates = try await Certificates.shared.value
        try await LiveGate.serve { gate in
            for (certificate, key, named) in [
                ("server.pem", "next.key", "server.pem"), ("absent.pem", "next.key", "absent.pem"),
                ("server.pem", "absent.key", "absent.key"), ("server.key", "server.key", "server.key"),
            ] {
                let settings = TLSSettings(
                    certificate: certificates.path(certificate), key: certificates.path(key))
                let error = #expect(throws: FileError.self) {
                    try CertificateReloader(settings, health: gate.intake.health)
                }
                #expect(error?.description.contains(named) == true)
            }
        }
    }

    @Test func anExpiredCertificateIsAProblem() async throws {
        try await LiveGate.serve { gate in
            let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            for arguments in [
                [
                    "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                    "live.key",
                ],
                ["bash", tests.path + "/expired.sh", "live.key", "old", "live.pem"],
            ] {
                let made = try await Shell.run(arguments, in: gate.directory.path)
                try #require(made.status == 0)
            }
            try Pair(gate: gate).keeper().refresh()
            #expect(
                gate.intake.health.problems[HealthProblem.certificateExpired.rawValue]?.contains("live.pem")
                    == true)
        }
    }

    @Test func theListenerShowsTheNewCertificateByItself() async throws {
        let certificates = try await Certificates.shared.value
        let files = try TemporaryDirectory("pair")
        func put(_ name: String) throws {
            for suffix in [".pem", ".key"] {
                let bytes = try Data(contentsOf: URL(filePath: certificates.path(name + suffix)))
                try bytes.write(to: URL(filePath: files.file("live" + suffix)), options: .atomic)
                try #require(chmod(files.file("live" + suffix), 0o600) == 0)
            }
        }
        try put("server")
        try await LiveGate.serve(
            tls: true,
            { $0.tls = TLSSettings(certificate: files.file("live.pem"), key: files.file("live.key")) }
        ) { gate in
            func subject() async throws -> String {
                let reply = try await gate.curl("/reachability", options: ["-v"])
                #expect(reply.status == 200)
                return reply.error.contains("CN=next") ? "next" : "server"
            }
            #expect(try await subject() == "server")
            try put("next")
            let end = ContinuousClock.now + .seconds(15)
            while try await subject() == "server" {
                try #require(ContinuousClock.now < end)
            }
        }
    }
}

extension CertificateReloader {
    /// Of a webhook listener.
    fileprivate convenience init(_ settings: TLSSettings, health: Health) throws {
        try self.init(
            "webhook", problem: .certificate, expiryProblem: .certificateExpired,
            protocols: ["h2", "http/1.1"], settings: settings, health: health, logger: LiveGate.quiet)
    }
}
