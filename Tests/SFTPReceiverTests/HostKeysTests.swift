// Which private keys are taken as host keys, by the machine's own ssh-keygen; and what is said of the others.
import Foundation
import Support
import Testing

@testable import SFTPReceiver

@Suite(.enabled(if: TestGate.isPossible)) struct HostKeysTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("host-keys") }

    private func make(_ name: String, _ arguments: String..., passphrase: String = "") async throws -> String
    {
        let path = directory.file(name)
        let made = try await SSHDTools.run(
            "/usr/bin/ssh-keygen", ["-q", "-N", passphrase, "-f", path] + arguments)
        try #require(made.isSuccess, "\(made.errors)")
        return path
    }

    /// What `check` says of these keys; nil when they are good.
    private func complaint(_ paths: String...) async throws -> String? {
        var messages: [String] = []
        for case (_, .failure(let error)) in await HostKeys.examine(paths) {
            #expect(error.code == .hostKey)
            messages.append(error.message)
        }
        return messages.isEmpty ? nil : messages.joined(separator: "\n")
    }

    @Test("Keys are made once, privately, and described as ssh-keygen does")
    func made() async throws {
        let paths = try await HostKeys.ensure(in: directory.file("keys"))
        #expect(
            paths.map { $0.split(separator: "/").last.map(String.init) } == [
                "ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key",
            ])
        let keys = try await HostKeys.examine(paths).map { try $0.outcome.get() }
        #expect(keys.map(\.type) == ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
        for key in keys {
            let listed = try await SSHDTools.run("/usr/bin/ssh-keygen", ["-l", "-f", key.path])
            #expect(listed.output.split(separator: " ").contains(Substring(key.fingerprint)))
            let mode = try FileManager.default.attributesOfItem(atPath: key.path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        #expect(try await HostKeys.ensure(in: directory.file("keys")) == paths)
        #expect(try await HostKeys.examine(paths).map { try $0.outcome.get() } == keys)
    }

    @Test("What is shown to callers is the private key, whatever lies in the .pub file beside it")
    func publicHalf() async throws {
        let path = try await make("one", "-t", "ed25519")
        let other = try await make("two", "-t", "ed25519")
        let key = try await HostKeys.describe(path)
        try FileManager.default.removeItem(atPath: path + ".pub")
        #expect(try await HostKeys.describe(path) == key)
        try FileManager.default.copyItem(atPath: other + ".pub", toPath: path + ".pub")
        #expect(try await HostKeys.describe(path) == key)
    }

    @Test("Every curve of ECDSA is taken, and one of each beside the others")
    func curves() async throws {
        let paths = try await [
            make("a", "-t", "ed25519"), make("b", "-t", "ecdsa", "-b", "256"),
            make("c", "-t", "ecdsa", "-b", "384"), make("d", "-t", "ecdsa", "-b", "521"),
            make("e", "-t", "rsa", "-b", "2048"),
        ]
        for (_, outcome) in await HostKeys.examine(paths) { _ = try outcome.get() }
    }

    @Test("A short RSA key would be shown to nobody")
    func shortRSA() async throws {
        let path = try await make("rsa", "-t", "rsa", "-b", "1024")
        let said = try await complaint(path)
        #expect(
            said?.contains("the host key \(path) is not offered to callers: RSA keys of 1024 bits") == true)
        #expect(said?.contains("`dropgate init` makes") == true)
    }

    @Test("A DSA key would be shown to nobody")
    func dsa() async throws {
        // Newer versions of OpenSSH make and read no such keys: then it is not a private key at all.
        let path = directory.file("dsa")
        let made = try await SSHDTools.run(
            "/usr/bin/ssh-keygen", ["-q", "-N", "", "-f", path, "-t", "dsa"])
        if !made.isSuccess {
            try "-----BEGIN DSA PRIVATE KEY-----\n".write(toFile: path, atomically: true, encoding: .utf8)
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        let said = try #require(await complaint(path))
        #expect(said.hasPrefix("the host key \(path) is ") && said.contains("name an Ed25519"))
        #expect(!made.isSuccess || said.contains("DSA keys are not taken"))
    }

    @Test("A key with a passphrase cannot be used, and how to take it off is said")
    func passphrase() async throws {
        let path = try await make("locked", "-t", "ed25519", passphrase: "open sesame")
        let said = try await complaint(path)
        #expect(said?.contains("\(path) has a passphrase") == true)
        #expect(said?.contains("ssh-keygen -p -f \(path)") == true)
    }

    @Test("A key that others may read is one that sshd refuses, and the mode that it needs is said")
    func readable() async throws {
        let path = try await make("open", "-t", "ed25519")
        for mode in [0o644, 0o640, 0o604] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let said = try await complaint(path)
            #expect(
                said
                    == "a host key cannot be used: \(path) can be read by others (mode 0\(String(mode, radix: 8))): chmod 600 \(path)"
            )
        }
    }

    @Test("Two keys of one type: sshd shows the first, so the second is an error that names both")
    func twins() async throws {
        let (first, second) = try await (make("one", "-t", "ed25519"), make("two", "-t", "ed25519"))
        let said = try await complaint(first, second)
        #expect(said?.hasPrefix("the host key \(second) is of the same type as \(first)") == true)
    }

    @Test("What is no key, and what is not there, is named; all of them at once")
    func others() async throws {
        let good = try await make("good", "-t", "ed25519")
        let text = directory.file("text")
        try "no key".write(toFile: text, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: text)
        let said = try #require(await complaint(good, text, directory.file("absent")))
        let lines = said.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("the host key \(text) is not a private key ("))
        #expect(
            lines[1].hasPrefix(
                "a host key cannot be used: cannot read \(directory.file("absent")): No such file or directory; name an"
            ))
    }
}
