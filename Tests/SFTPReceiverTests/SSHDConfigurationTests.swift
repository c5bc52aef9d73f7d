// The generated sshd_config: what is offered to callers, and where the limits of the settings go.
import Testing

@testable import SFTPReceiver

@Suite struct SSHDConfigurationTests {
    private static let plain = SSHDConfiguration(
        hostKeys: ["/keys/a", "/keys/b"], session: "/bin/session", socket: "/s/link.sock",
        keys: "/s/keys",
        takesPasswords: false, isRoot: false, loginGrace: 30, idleTimeout: 900, maxSessions: 7,
        maxAuthTries: 3, encryptAndMAC: true)

    /// The argument of each directive that is there once.
    private func directives(_ configuration: SSHDConfiguration) -> [String: String] {
        let lines = configuration.text.split(separator: "\n").map {
            $0.split(separator: " ", maxSplits: 1).map(String.init)
        }
        return Dictionary(
            lines.filter { $0.count == 2 }.map { ($0[0], $0[1]) }, uniquingKeysWith: { $0 + "," + $1 })
    }

    @Test("Host keys stand in the order of the settings, and limits where sshd reads them")
    func limits() {
        let found = directives(Self.plain)
        #expect(found["HostKey"] == "\"/keys/a\",\"/keys/b\"")
        #expect(found["MaxSessions"] == "7" && found["MaxAuthTries"] == "3")
        #expect(found["LoginGraceTime"] == "30" && found["UnusedConnectionTimeout"] == "900")
    }

    @Test(
        "A key exchange that came with 9.9 is tried with what may know it",
        arguments: [
            ("OpenSSH_9.2p1 Debian-2+deb12u7", false), ("OpenSSH_9.8p1", false), ("OpenSSH_8.10", false),
            ("OpenSSH_9.9p2", true), ("OpenSSH_9.10", true), ("OpenSSH_10.0p2 Debian-5", true),
            ("OpenSSH_for_X 8.1", true), ("OpenSSH_", true), ("OpenSSH_9", true), ("OpenSSH_9.x", true),
            (nil, true),
        ] as [(String?, Bool)])
    func optionalKeyExchange(version: String?, isTried: Bool) {
        #expect(SSHDConfiguration.mayTakeOptionalKeyExchange(version) == isTried)
    }

    @Test("Nothing that is offered rests on SHA-1, MD5, CBC, DSA or a group of 2048 bits")
    func nothingOld() {
        let lists = ["KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms", "PubkeyAcceptedAlgorithms"]
        let found = directives(Self.plain)
        for list in lists {
            let names = (found[list] ?? "").split(separator: ",")
            #expect(!names.isEmpty)
            for name in names {
                for word in [
                    "sha1", "md5", "cbc", "dss", "ssh-rsa", "group14", "group1-", "arcfour", "umac-64",
                ] {
                    #expect(!name.contains(word), "\(list)")
                }
            }
        }
    }

    @Test("Ed25519 is the first host key that is offered, and ECDSA of every curve after it")
    func hostKeys() {
        #expect(
            directives(Self.plain)["HostKeyAlgorithms"]
                == "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,"
                + "rsa-sha2-256")
    }

    @Test("Encrypt-and-MAC is the last choice, and none at all when the settings say so")
    func encryptAndMAC() {
        let better = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"
        #expect(directives(Self.plain)["MACs"] == better + ",hmac-sha2-256,hmac-sha2-512")
        var strict = Self.plain
        strict.encryptAndMAC = false
        #expect(directives(strict)["MACs"] == better)
    }
}
