// Public key lines that are taken and those that are not; keys and fingerprints were made by ssh-keygen.
import Support
import Testing

@testable import Accounts

@Suite struct AuthorizedKeyTests {
    static let ed25519 = SampleKeys.ed25519
    static let ecdsa256 =
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNGla/zFW3Cak5PUGwv8C+FFL6aaQ+tPOFU3lXrxEj/h8MVPUC8mkQtp0gqM6EOhtpRme99vJSYDmAoz0Bpn7So="
    static let ecdsa384 =
        "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBFRihOmYx+hcHGAiJfd8EUNDPPsDoGp93SWrslauWbQeckxO4t25g1WR6Elpxvf6VbOlrk6kuh7zcsZBlkOIMdQY4lo+Etvge0wTGpKv1OCvKUjLOGYOIXwmPWfKkMBWZw=="
    static let ecdsa521 =
        "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAH6Mj5hu8pNzFvHDJoC/ubNbvf/15B9AAeNcpOZYWCF7fFqs440ZP51veZaCnfO9ZNFU7xTxCroiK1wz11PYG+7AwETmLav4yvtuIKP25Vsipxd4OFHYHdjLbemoKZeTGoNXKC4ZLbjtNJ7YemFiNY6UFiXklvoK1RKmGX+/2ibL++NAg=="
    static let rsa2048 = SampleKeys.rsa2048
    static let rsa1024 =
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDQ8e7CSG0meuyqyqQsR2WqXfUhaHQKJ7W8eAWDazVQwEG1cMNsbDnXzwMT2aAnircloNglFX0kjvnaxsNTCdPxKZfJ1zRrWUnxGBYlCm0QS8tHqrZSA6/xnqLkpRHoM0KrMjg6aAWZOp1G+iox2vW6UP3EmTOpApaOOrd7q0O8ow=="
    static let securityKey =
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAAAABHNzaDo="

    @Test(
        "Keys of every type that sshd takes are taken, with the fingerprint that ssh-keygen prints",
        arguments: [
            (ed25519, "SHA256:xVx+1ZuTgXC7YXNM58YGdep7xMiK48MxVf+TB0Lyy+c"),
            (ecdsa256, "SHA256:mZoGMfcczN2MQHle+EmUboVVC5jbTDlmGoemsHwiifc"),
            (ecdsa384, "SHA256:wLtYCxKYl4xEf2ipf1k5ZWWzbh7gpzequ/2kpEKrJck"),
            (ecdsa521, "SHA256:qSsq80b5CeuZP4aBC/0uW0Lzehg1nFlSqguXIplg6vk"),
            (rsa2048, "SHA256:+SZpLJvCbvZA3GApNcmMIJxYomH2F1N197qIytHFf4E"),
        ])
    func takesKeys(line: String, fingerprint: String) throws {
        #expect(try AuthorizedKey(line).fingerprint == fingerprint)
    }

    @Test("A line keeps its comment and loses the space around it")
    func keepsComment() throws {
        let key = try AuthorizedKey("  \(Self.ed25519)\r\n")
        #expect(key.type == "ssh-ed25519")
        #expect(key.comment == "ed25519 key")
        #expect(key.description == Self.ed25519)
        #expect(try AuthorizedKey(Self.securityKey).comment == "")
    }

    private static let refused: [(String, String)] = [
        ("", "first word"),
        ("hello", "first word"),
        ("ssh-ed25519", "base64"),
        ("ssh-ed25519 !!!!", "base64"),
        ("ssh-ed25519 AAAA", "type inside"),
        ("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJmMmiKSWH7JQcCfNn02S0K+TC+Mwi4HFAs7Tl7mFLgA", "type inside"),
        (String(ecdsa256.dropLast(8)), "cut short"),
        (rsa1024, "RSA keys of 1024 bits"),
        ("ssh-dss AAAAB3NzaC1kc3MAAAAUAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "DSA"),
        ("command=\"/bin/sh\" " + ed25519, "options"),
        ("no-pty,permitopen=\"*:*\" " + ed25519, "options"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "certificates"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----", "ssh-keygen -i -f FILE"),
        ("PuTTY-User-Key-File-3: ssh-ed25519", "private key of PuTTY"),
        ("ssh-ed448 AAAA", "first word \"ssh-ed448\""),
        (ed25519 + "\nssh-ed25519 AAAA", "control characters"),
    ]

    @Test("Whatever is not one plain, strong public key is refused, with the reason", arguments: refused)
    func refusesOthers(line: String, reason: String) {
        let error = #expect(throws: AccountError.self) { try AuthorizedKey(line) }
        #expect(error?.code == .badKey)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "taken")")
    }

    /// A file that was named by mistake may be one of a secret.
    @Test(
        "A line that is no key is not quoted",
        arguments: ["s3cr3t-of-the-console", "s3cr3t of", "TOKEN=s3cr3t \(ed25519)"])
    func quotesNoSecret(line: String) {
        let error = #expect(throws: AccountError.self) { try AuthorizedKey(line) }
        #expect(error?.message.contains("s3cr3t") == false, "\(error?.message ?? "taken")")
    }
}
