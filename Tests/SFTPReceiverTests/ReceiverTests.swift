// The receiver with the machine's own sshd and ssh: who gets in, who does not, and what the ledger says.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import Settings
import Support
import Testing

@testable import Accounts
@testable import SFTPReceiver

@Suite(.enabled(if: TestGate.isPossible), .timeLimit(.minutes(2))) struct ReceiverTests {
    private func summary(_ entries: [JSONValue]) -> [String] {
        entries.map { entry in
            ["kind", "verdict", "reason", "account"].compactMap { entry[$0]?.string }.joined(separator: " ")
        }
    }

    @Test("A key of an account logs in: one entry, with the key's fingerprint and the source")
    func keyLogin() async throws {
        var fingerprint = ""
        let entries = try await TestGate.run { gate in
            fingerprint = try AuthorizedKey(Client.publicKey("client", in: gate.directory)).fingerprint
            try await #expect(gate.client.isLetIn("acme"))
        }
        #expect(summary(entries) == ["login accepted listed acme"])
        #expect(entries.first?["credential"]?.string == fingerprint)
        #expect(entries.first?["source"]?["ip"]?.string == "127.0.0.1")
        #expect(entries.first?["entries"] == ["test/vsee"])
    }

    @Test("An observed source gets in and its login says so")
    func observedLogin() async throws {
        let entries = try await TestGate.run {
            $0.entries = [TestGate.entry("127.0.0.0/8", mode: .observe)]
        } _: { gate in
            try await #expect(gate.client.isLetIn("acme"))
        }
        #expect(summary(entries) == ["login observed not_listed acme"])
    }

    @Test("Another key is refused: one entry, auth_failed")
    func wrongKey() async throws {
        let entries = try await TestGate.run { gate in
            try await #expect(!gate.client.isLetIn("acme", key: "stranger"))
        }
        #expect(summary(entries) == ["login rejected auth_failed acme"])
        #expect(entries.first?["credential"]?.string?.hasPrefix("SHA256:") == true)
    }

    @Test("A name that is not an account is refused: unknown_account")
    func unknownAccount() async throws {
        let entries = try await TestGate.run { gate in
            try await #expect(!gate.client.isLetIn("nobody"))
            try await #expect(!gate.client.isLetIn("root"))
        }
        #expect(summary(entries) == ["login rejected unknown_account", "login rejected unknown_account"])
        #expect(entries.map { $0["detail"]?["user_name"]?["length"]?.int } == [6, 4])
    }

    @Test("A disabled account is rejected whatever its session does, and let in again when enabled")
    func disabledAccount() async throws {
        let entries = try await TestGate.run { gate in
            try gate.accounts.setDisabled(true, name: "acme")
            // sshd takes the credential, so that the session can say why it does nothing.
            _ = try await gate.client.ssh("acme")
            while gate.receiver.openConnections > 0 { await Task.yield() }
            try gate.accounts.setDisabled(false, name: "acme")
            try await #expect(gate.client.isLetIn("acme"))
        }
        #expect(summary(entries) == ["login rejected account_disabled acme", "login accepted listed acme"])
    }

    @Test("An account that was added while the gate runs can log in")
    func addedAccount() async throws {
        let entries = try await TestGate.run { gate in
            let key = try AuthorizedKey(Client.publicKey("stranger", in: gate.directory))
            try gate.accounts.add(Account(name: "late.comer", keys: [key]))
            try await #expect(gate.client.isLetIn("late.comer", key: "stranger"))
        }
        #expect(summary(entries) == ["login accepted listed late.comer"])
    }

    @Test("An unlisted source is closed on before a single SSH byte: one connection entry, no login")
    func unlistedSource() async throws {
        let entries = try await TestGate.run {
            $0.entries = [TestGate.entry("203.0.113.0/24")]
        } _: { gate in
            await #expect(gate.client.raw(Array("SSH-2.0-x\r\n".utf8)).isEmpty)
        }
        #expect(summary(entries) == ["connection rejected not_listed"])
    }

    @Test(
        "A caller that never names an account leaves one entry: handshake_failed",
        arguments: ["", "GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}", "SSH-1.5-old\r\n"])
    func noHandshake(bytes: String) async throws {
        let entries = try await TestGate.run { gate in
            await #expect(gate.client.raw(Array(bytes.utf8), end: true).starts(with: Array("SSH-2.0-".utf8)))
        }
        #expect(summary(entries) == ["login rejected handshake_failed"])
    }

    @Test("A client with only old algorithms leaves one entry that names what it offered")
    func oldAlgorithms() async throws {
        let entries = try await TestGate.run { gate in
            let result = try await gate.client.ssh("acme", ["KexAlgorithms=diffie-hellman-group1-sha1"])
            #expect(!result.isSuccess)
        }
        #expect(summary(entries) == ["login rejected handshake_failed"])
        #expect(entries.first?["detail"]?["message"]?.string?.contains("diffie-hellman-group1-sha1") == true)
    }

    @Test("A caller that does nothing is ended by the login grace time: timeout")
    func graceTime() async throws {
        let entries = try await TestGate.run {
            $0.loginGrace = .seconds(1)
        } _: { gate in
            await #expect(gate.client.raw([]).starts(with: Array("SSH-2.0-".utf8)))
        }
        #expect(summary(entries) == ["login rejected timeout"])
    }

    @Test("More connections than a source may have are refused: connection_limit")
    func connectionLimit() async throws {
        let entries = try await TestGate.run {
            $0.maxConnectionsPerSource = 0
        } _: { gate in
            await #expect(gate.client.raw([]).isEmpty)
        }
        #expect(summary(entries) == ["connection rejected connection_limit"])
    }

    @Test(
        "Keys of others that a client offers first cost tries: as many as the settings say",
        arguments: [6, 2])
    func authTries(limit: Int) async throws {
        let others = ["a", "b", "c", "d", "e"].prefix(limit - 1)
        let entries = try await TestGate.run {
            $0.change = { $0.maxAuthTries = limit }
        } _: { gate in
            var files: [String] = []
            for name in others { files.append(try await Client.key(name, in: gate.directory)) }
            let own = gate.directory.file("client")
            let options = (files.dropFirst() + [own]).map { "IdentityFile=\($0)" }
            try await #expect(gate.client.ssh("acme", key: others[0], options).isSuccess)
            let tooMany = ["IdentityFile=\(files[0])"] + options
            try await #expect(!gate.client.ssh("acme", key: "stranger", tooMany).isSuccess)
        }
        #expect(summary(entries) == ["login accepted listed acme", "login rejected auth_failed acme"])
        #expect(entries.first?["detail"]?["failed_tries"]?.int == Int64(limit - 1))
        #expect(entries.last?["detail"]?["message"]?.string?.contains("too many tries") == true)
        #expect(entries.last?["detail"]?["failed_tries"]?.int == Int64(limit))
    }

    @Test(
        "Encrypt-and-MAC works unless the settings say otherwise; encrypt-then-MAC and AEAD always",
        arguments: [true, false])
    func encryptAndMAC(isOffered: Bool) async throws {
        let entries = try await TestGate.run {
            $0.change = { $0.encryptAndMAC = isOffered }
        } _: { gate in
            let plain = ["MACs=hmac-sha2-256", "Ciphers=aes128-ctr"]
            try await #expect(gate.client.ssh("acme", plain).isSuccess == isOffered)
            let better = ["MACs=hmac-sha2-256-etm@openssh.com", "Ciphers=aes128-ctr"]
            try await #expect(gate.client.ssh("acme", better).isSuccess)
            try await #expect(gate.client.ssh("acme", ["Ciphers=aes256-gcm@openssh.com"]).isSuccess)
        }
        let first = isOffered ? "login accepted listed acme" : "login rejected handshake_failed"
        let second = "login accepted listed acme"
        #expect(summary(entries) == [first, second, second])
    }

    @Test("Neither a shell nor a forwarded port is to be had")
    func onlyTheSession() async throws {
        let entries = try await TestGate.run {
            $0.session = "echo \"session:$SSH_ORIGINAL_COMMAND:$*\"\n"
        } _: { gate in
            let result = try await gate.client.ssh("acme", command: ["id; echo pwned"])
            #expect(result.output.hasPrefix("session:id; echo pwned:--socket "))
            let forward = try await gate.client.ssh(
                "acme", ["ExitOnForwardFailure=yes", "RemoteForward=127.0.0.1:0 127.0.0.1:9"], command: ["-N"]
            )
            #expect(!forward.isSuccess)
        }
        #expect(summary(entries) == ["login accepted listed acme", "login accepted listed acme"])
    }

    @Test("A session's program that goes away under a running gate is told, until it is there again")
    func theSessionsProgramIsGone() async throws {
        _ = try await TestGate.run { gate in
            let (session, away) = (gate.directory.file("session"), gate.directory.file("away"))
            func problemAfterALogin() async throws -> String? {
                _ = try await gate.client.ssh("acme")
                while gate.receiver.openConnections > 0 { await Task.yield() }
                return gate.intake.health.problems["sftp.session"]
            }
            try await #expect(problemAfterALogin() == nil)
            try FileManager.default.moveItem(atPath: session, toPath: away)
            try await #expect(problemAfterALogin()?.contains("\(session), which sshd starts") == true)
            try FileManager.default.moveItem(atPath: away, toPath: session)
            try await #expect(problemAfterALogin() == nil)
        }
    }

    @Test("In proxy-protocol mode the header's source decides, and sshd gets every byte behind it")
    func proxyProtocol() async throws {
        let entries = try await TestGate.run {
            $0.entries = [TestGate.entry("203.0.113.0/24")]
            $0.address = AddressSettings(
                mode: .proxyProtocol, trustedProxies: [Self.loopback].compactMap { $0 })
        } _: { gate in
            let client = gate.client
            let good = Array("PROXY TCP4 203.0.113.9 192.0.2.1 4242 22\r\nSSH-1.5-old\r\n".utf8)
            await #expect(client.raw(good, end: true).starts(with: Array("SSH-2.0-".utf8)))
            await #expect(client.raw(Array("PROXY TCP4 198.51.100.9 192.0.2.1 4242 22\r\n".utf8)).isEmpty)
            // The proxy looks whether the gate is there: closed, and no attempt.
            await #expect(client.raw(Array("PROXY UNKNOWN\r\n".utf8)).isEmpty)
            await #expect(
                client.raw([
                    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x20, 0, 0, 0,
                ])
                .isEmpty)
            await #expect(client.raw(Array("PROXY TCP4 127.0.0.1 127.0.0.1 4242 22\r\n".utf8)).isEmpty)
            await #expect(client.raw([], end: true).isEmpty)
            await #expect(client.raw(Array("SSH-2.0-x\r\n".utf8)).isEmpty)
        }
        let found = Dictionary(grouping: entries) { $0["reason"]?.string ?? "" }
        #expect(
            found.keys.sorted() == [
                "bad_proxy_header", "handshake_failed", "not_listed",
            ])
        #expect(found["handshake_failed"]?.first?["source"]?["ip"]?.string == "203.0.113.9")
        #expect(found["handshake_failed"]?.first?["peer"]?["ip"]?.string == "127.0.0.1")
        #expect(
            found["handshake_failed"]?.first?["detail"]?["message"]?.string?.contains("versions differ")
                == true)
    }

    @Test("Without libnss-wrapper only the account named as the service's user logs in, and health says so")
    func withoutWrapper() async throws {
        let name = try #require(getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) })
        let entries = try await TestGate.run {
            $0.tools.nssWrapper = nil
        } _: { gate in
            let key = try AuthorizedKey(Client.publicKey("client", in: gate.directory))
            try gate.accounts.add(Account(name: name, keys: [key]))
            #expect(gate.intake.health.problems["sftp.nss_wrapper"] != nil)
            try await #expect(gate.client.isLetIn(name))
            try await #expect(!gate.client.isLetIn("acme"))
        }
        #expect(summary(entries).first == "login accepted listed \(name)")
        #expect(entries.count == 2 && entries.last?["verdict"] == "rejected")
    }

    @Test("What keeps the gate from opening is said before it listens", arguments: 0..<5)
    func openingErrors(index: Int) async throws {
        let error = await #expect(throws: (any Error).self) {
            _ = try await TestGate.run {
                switch index {
                case 0: $0.tools.sshd = nil
                case 1: $0.hostKey = "absent"
                case 2: $0.sessionPath = "/nowhere/session"
                case 3: $0.state = "it's"
                default: $0.state = String(repeating: "long", count: 30)
                }
            } _: { _ in
            }
        }
        let hints = [
            "openssh-server", "dropgate init", "/nowhere/session", "quote", "shorter state directory",
        ]
        #expect("\(String(describing: error))".contains(hints[index]), "\(String(describing: error))")
    }

    private static let loopback = try? CIDRBlock("127.0.0.0/8")
}
