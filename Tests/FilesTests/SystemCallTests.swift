// Reads and writes that end as they should: whole, or with the system's reason.
import Files
import Foundation
import Support
import Testing

@Suite struct SystemCallTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("calls") }

    /// Calls `body` with an open file.
    private func with<Value>(_ name: String, _ flags: Int32, _ body: (Int32) throws -> Value) throws -> Value
    {
        let descriptor = open(directory.file(name), flags | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError.last }
        defer { close(descriptor) }
        return try body(descriptor)
    }

    @Test func anInterruptedCallIsMadeAgain() throws {
        var answers: [Int] = [-1, -1, 7]
        let count = try SystemCall.retrying { () -> Int in
            errno = EINTR
            return answers.removeFirst()
        }
        #expect(count == 7 && answers.isEmpty)
    }

    @Test func anotherErrorIsTheCallers() {
        #expect(throws: SystemError(EBADF)) { try SystemCall.write([1], to: -1) }
        #expect(SystemError(ENOENT).description == "No such file or directory")
    }

    @Test func moreThanAPipeHoldsIsWrittenWhole() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        defer { close(reading) }
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) }
        let writer = Thread {
            try? SystemCall.write(bytes, to: writing)
            close(writing)
        }
        writer.start()
        var read: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = try SystemCall.retrying({ Foundation.read(reading, &piece, piece.count) }),
            count > 0
        {
            read += piece[..<count]
        }
        #expect(read == bytes)
    }

    @Test func aDescriptorHasEndedOnceNobodyIsAtItsOtherEnd() throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let (here, there) = (ends[0], ends[1])
        defer {
            close(here)
            close(there)
        }
        #expect(!SystemCall.hasEnded(here))
        try SystemCall.send([1], to: there)
        #expect(!SystemCall.hasEnded(here), "there is something to read")
        shutdown(there, Int32(SHUT_WR))
        #expect(!SystemCall.hasEnded(here), "it still reads")
        shutdown(there, Int32(SHUT_RDWR))
        #expect(SystemCall.hasEnded(here))
        #expect(SystemCall.hasEnded(.max), "no open descriptor")
        try with("file", O_RDWR) { #expect(!SystemCall.hasEnded($0), "it has no other end") }
    }

    @Test(arguments: [(0, 0, true), (9, 10, true), (10, 10, true), (11, 10, false), (200_000, 200_000, true)])
    func contentsAreReadUpToTheLimit(size: Int, limit: Int, isRead: Bool) throws {
        let bytes = [UInt8](repeating: 0x61, count: size)
        let contents = try with("\(size)-\(limit)", O_RDWR) { descriptor in
            try SystemCall.write(bytes, to: descriptor)
            return try SystemCall.contents(of: descriptor, limit: limit)
        }
        #expect(contents == (isRead ? bytes : nil))
    }

    @Test func aSmallFileIsARegularOneOfItsSize() throws {
        try with("small", O_RDWR) { try SystemCall.write([1, 2, 3], to: $0) }
        let file = try SmallFile.open(directory.file("small"))
        #expect(file.mode & 0o777 == 0o600)
        #expect(try file.contents(limit: 3) == [1, 2, 3])
        #expect(
            words { _ = try SmallFile.open(directory.file("small")).contents(limit: 2) }
                == "longer than 2 bytes")
        #expect(words { _ = try SmallFile.open(directory.path) } == "not a regular file")
        try #require(mkfifo(directory.file("fifo"), 0o600) == 0)
        #expect(words { _ = try SmallFile.open(directory.file("fifo")) } == "not a regular file")
        #expect(
            words { _ = try SmallFile.open(directory.file("none")) }
                == "cannot read: No such file or directory")
    }

    private func words(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch {
            return "\(error)"
        }
    }
}
