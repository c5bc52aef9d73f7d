// The small pieces: lines, PROXY headers read to the byte, process ancestry, addresses, login records.
import Admission
import Foundation
import Ledger
import LocalSocket
import Support
import Testing

@testable import SFTPReceiver
@testable import SFTPSession

@Suite struct PiecesTests {
    @Test("Lines are cut whatever the pieces they come in")
    func lines() throws {
        var buffer = LineBuffer(limit: 5)
        func feed(_ text: String) throws -> [String] {
            buffer.append(Array(text.utf8))
            var lines: [String] = []
            while let line = try buffer.line() { lines.append(String(decoding: line, as: UTF8.self)) }
            return lines
        }
        #expect(try feed("ab").isEmpty)
        #expect(try feed("c\nde\n\nf") == ["abc", "de", ""])
        #expect(try feed("ghij\n") == ["fghij"])
        #expect(throws: LineBuffer.TooLong.self) { try feed("123456") }
        var whole = LineBuffer(limit: 5)
        whole.append(Array("123456\n".utf8))
        #expect(throws: LineBuffer.TooLong.self) { try whole.line() }
    }

    @Test("Bytes that a line announces follow it, whatever the pieces they come in, and are no lines")
    func bytesAfterLines() throws {
        var buffer = LineBuffer(limit: 5)
        buffer.append(Array("ab\n1\n".utf8))
        #expect(try buffer.line() == Array("ab".utf8))
        #expect(buffer.take(10) == nil)
        buffer.append(Array("3456789\ncd\n".utf8))
        #expect(buffer.take(0) == [])
        #expect(buffer.take(10) == Array("1\n3456789\n".utf8))
        #expect(try buffer.line() == Array("cd".utf8))
        #expect(try buffer.line() == nil)
    }

    @Test("SSH_CONNECTION names both ends; mapped and zoned addresses are folded")
    func sshConnection() throws {
        let pair = try #require(AddressPair(sshConnection: "::ffff:10.0.0.1 50984 10.0.0.2 22"))
        #expect(pair == AddressPair(sshConnection: "10.0.0.1 50984 10.0.0.2 22"))
        #expect(AddressPair(sshConnection: "fe80::1%eth0 1 fe80::2%eth0 2")?.peer.ip.description == "fe80::1")
        for bad in [
            "", "10.0.0.1 1 10.0.0.2", "10.0.0.1 1 10.0.0.2 22 x", "a 1 b 2", "10.0.0.1 70000 10.0.0.2 22",
        ] {
            #expect(AddressPair(sshConnection: bad) == nil)
        }
    }

    @Test("Each write of sshd is one message, whatever line breaks a caller's name puts into it")
    func logMessages() async throws {
        let written = [
            "Invalid user x\r\nAccepted password for acme from 1.2.3.4 port 5 ssh2 from ::1 port 2\r\n",
            "b\r\n",
        ]
        let log = try SSHDLogSocket()
        for text in written { _ = write(log.writeEnd, text, text.utf8.count) }
        close(log.writeEnd)
        var messages: [String] = []
        for await message in log.messages { messages.append(message) }
        #expect(messages == written)
    }

    @Test("A process descends from itself and its parents, and from nobody else")
    func ancestry() {
        #expect(ProcessTree.isDescendant(getpid(), of: getpid()))
        #expect(ProcessTree.isDescendant(getpid(), of: getppid()))
        #expect(!ProcessTree.isDescendant(getppid(), of: getpid()))
        #expect(!ProcessTree.isDescendant(1, of: getpid()))
    }

    @Test(
        "A PROXY header is read to its last byte and not further",
        arguments: [
            Array("PROXY TCP4 203.0.113.7 192.0.2.1 4242 22\r\n".utf8),
            Array("PROXY UNKNOWN\r\n".utf8),
            [
                0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0x00,
                0x0C,
                203, 0, 113, 7, 192, 0, 2, 1, 0x10, 0x92, 0x00, 0x16,
            ],
        ])
    func proxyHeader(header: [UInt8]) async throws {
        let banner = Array("SSH-2.0-client\r\n".utf8)
        let reader = ProxyHeaderReader()
        for split in [0, 1, header.count - 1, header.count] {
            var ends: [Int32] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
            let (near, far) = (ends[0], ends[1])
            defer {
                close(near)
                close(far)
            }
            async let result = reader.read(far)
            let bytes = header + banner
            _ = bytes[..<split].withUnsafeBytes { write(near, $0.baseAddress, $0.count) }
            // The reader takes what is header as it comes; the rest is sent once it has.
            while split < header.count, Self.waiting(far) > 0 { await Task.yield() }
            _ = bytes[split...].withUnsafeBytes { write(near, $0.baseAddress, $0.count) }
            _ = try await result.get()
            var rest = [UInt8](repeating: 0, count: 100)
            let count = read(far, &rest, rest.count)
            #expect(Array(rest.prefix(max(0, count))) == banner)
        }
    }

    /// Bytes that have arrived and were not taken.
    private static func waiting(_ descriptor: Int32) -> Int {
        var buffer = [UInt8](repeating: 0, count: 256)
        return max(0, recv(descriptor, &buffer, buffer.count, Int32(MSG_PEEK | MSG_DONTWAIT)))
    }

    @Test(
        "What is no PROXY header, ends early or does not come is told apart, and nothing behind it is taken")
    func badProxyHeader() async throws {
        let banner = Array("SSH-2.0-client\r\n".utf8)
        let (near, far) = try Self.pair()
        defer { close(far) }
        _ = write(near, banner, banner.count)
        guard case .failure(.malformed) = await ProxyHeaderReader().read(far) else {
            Issue.record("taken")
            return
        }
        #expect(Self.waiting(far) == banner.count)
        // Not a whole header within the limit: what came of it is the header's all the same.
        var buffer = [UInt8](repeating: 0, count: 64)
        _ = recv(far, &buffer, buffer.count, 0)
        _ = write(near, "PROXY TC", 8)
        #expect(await ProxyHeaderReader(limit: .milliseconds(20)).read(far) == .failure(.late))
        _ = write(near, "PROXY TC", 8)
        close(near)
        #expect(await ProxyHeaderReader().read(far) == .failure(.closed))
    }

    private static func pair() throws -> (near: Int32, far: Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return (ends[0], ends[1])
    }

    /// With a thread for each of them the pool of 64 would be used up, and the one that speaks would wait.
    @Test("However many peers are silent, a header that comes is read at once", .timeLimit(.minutes(1)))
    func silentPeers() async throws {
        let silent = try (0..<150).map { _ in try Self.pair() }
        let speaking = try Self.pair()
        defer { for end in silent.map(\.far) + [speaking.near, speaking.far] { close(end) } }
        let reader = ProxyHeaderReader(limit: .seconds(600))
        let outcomes = await withTaskGroup(of: Result<ProxyHeader, ProxyReadError>.self) { group in
            for (_, far) in silent { group.addTask { await reader.read(far) } }
            let header = Array("PROXY UNKNOWN\r\n".utf8)
            _ = header.withUnsafeBytes { write(speaking.near, $0.baseAddress, $0.count) }
            #expect(await reader.read(speaking.far) == .success(.unknown))
            for (near, _) in silent { close(near) }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes == Array(repeating: .failure(.closed), count: silent.count))
    }
}
