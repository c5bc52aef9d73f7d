// What is read of SSH before the library sees it: identification lines, offers of algorithms; and where a server is.
import Testing

@testable import Reachability

@Suite struct SSHPiecesTests {
    @Test func anIdentificationMayFollowOtherLines() throws {
        func line(_ text: String) throws -> String? { try SSHGreeting.identification(in: Array(text.utf8)) }
        #expect(try line("SSH-2.0-OpenSSH_9.2p1\r\nrest") == "SSH-2.0-OpenSSH_9.2p1")
        #expect(try line("welcome\r\nSSH-2.0-x\n") == "SSH-2.0-x")
        #expect(try line("SSH-2.0-not whole") == nil)
        #expect(try line("") == nil)
    }

    @Test func otherProtocolsAreNoIdentification() {
        let samples: [([UInt8], String)] = [
            (Array("HTTP/1.1 400 Bad Request\r\n".utf8), "HTTP/1.1 400 Bad Request"),
            ([0x15, 3, 1, 0, 2, 2, 70], "TLS"),
            (Array(repeating: 0x41, count: 20000), String(repeating: "A", count: 80) + "..."),
        ]
        for (bytes, said) in samples {
            #expect(throws: SSHGreeting.Failure.notSSH(said)) {
                try SSHGreeting.identification(in: bytes)
            }
        }
    }

    /// A first packet of a server (RFC 4253 section 7.1).
    private func firstPacket(_ lists: [String]) -> [UInt8] {
        func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 0xFF) } }
        var payload: [UInt8] = [20] + Array(repeating: 7, count: 16)
        for list in lists + ["", ""] { payload += number(list.utf8.count) + Array(list.utf8) }
        payload += [0, 0, 0, 0, 0]
        let padding = 4
        return number(payload.count + 1 + padding) + [UInt8(padding)] + payload
            + Array(repeating: 0, count: padding)
    }

    @Test func theFirstGapIsTold() throws {
        let lists = ["a,b", "k1", "c1", "c1", "m1", "m1", "none", "none"]
        let bytes = Array("hello\nSSH-2.0-x\r\n".utf8) + firstPacket(lists)
        let offer = try #require(AlgorithmOffer(seen: bytes))
        #expect(offer.lists[.keyExchange] == ["a", "b"])
        #expect(offer.lists[.compressionToClient] == ["none"])
        #expect(offer.firstGap(to: offer) == nil)
        var other = offer
        other.lists[.cipherToClient] = ["c2"]
        #expect(offer.firstGap(to: other) == .cipherToClient)
        other.lists[.keyExchange] = []
        #expect(other.firstGap(to: offer) == .keyExchange)
    }

    @Test func whatIsCutOffIsNoOffer() {
        let whole = Array("SSH-2.0-x\r\n".utf8) + firstPacket(Array(repeating: "abc", count: 8))
        for count in 0..<whole.count { #expect(AlgorithmOffer(seen: Array(whole[..<count])) == nil) }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes = whole
            bytes[Int.random(in: 11..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            _ = AlgorithmOffer(seen: bytes)
        }
    }

    struct Target: Sendable {
        var text: String
        var user: String?
        var host: String
        var port: UInt16 = 22
        var directory = ""
    }

    @Test(arguments: [
        Target(text: "gate.example", host: "gate.example"),
        Target(text: "gate.example:2222", host: "gate.example", port: 2222),
        Target(text: "[2001:db8::1]:2222", host: "2001:db8::1", port: 2222),
        Target(text: "2001:db8::1", host: "2001:db8::1"),
        Target(
            text: "sftp://vsee@gate.example:2222/in/box/", user: "vsee", host: "gate.example", port: 2222,
            directory: "in/box"),
        Target(text: "SFTP://gate.example/", host: "gate.example"),
        Target(text: "a@b@gate.example", user: "a@b", host: "gate.example"),
    ])
    func aTargetIsReadPartByPart(_ expected: Target) throws {
        let target = try SFTPTarget(expected.text)
        #expect(target.user == expected.user)
        #expect(target.host == expected.host)
        #expect(target.port == expected.port)
        #expect(target.directory == expected.directory)
    }

    @Test(arguments: [
        "", ":22", "gate:0", "gate:65536", "gate:x", "https://gate/", "[::1", "[::1]22", "sftp://", "@gate",
        "sftp://vsee:secret@gate/", "ga te",
    ])
    func whatIsNoTargetIsRefused(_ text: String) {
        #expect(throws: TargetError.self) { try SFTPTarget(text) }
    }

    @Test(arguments: ["sftp://vsee:hunter2@gate/", "vsee:hunter2@gate:22", "sftp://vsee:hunter2/x@gate"])
    func aPasswordInTheWrongPlaceIsNotRepeated(_ text: String) throws {
        let problem = try #require(throws: TargetError.self) { try SFTPTarget(text) }
        #expect(!problem.description.contains("hunter2"))
    }
}
