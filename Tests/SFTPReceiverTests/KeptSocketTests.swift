// The name of a local socket under a running process: when it is bound anew, and what health hears where it cannot be.
import Files
import Foundation
import Glibc
import Intake
import LocalServer
import LocalSocket
import Sockets
import Support
import Testing

@Suite struct KeptSocketTests {
    private let directory: TemporaryDirectory
    private let path: String
    private let health = Health()

    init() throws {
        directory = try TemporaryDirectory("kept")
        path = directory.file("socket")
    }

    private func kept() throws -> KeptSocket {
        try KeptSocket(
            path, "the test's socket", logger: quietLogger,
            report: health.tell(socket:_:))
    }

    /// Whether a caller gets through to somebody who listens.
    private var isReached: Bool {
        let caller = try? LineConnection(
            path: path, longest: 64, answerTimeout: .seconds(20), sendTimeout: .seconds(20))
        return caller != nil
    }

    private var problem: String { health.problems["sockets"] ?? "" }

    @Test func aNameThatIsGoneOrLeadsToNobodyIsBoundAnew() throws {
        let socket = try kept()
        let identity = FileIdentity(path: path)
        socket.keep()
        #expect(isReached && FileIdentity(path: path) == identity, "it was left alone")
        unlink(path)
        socket.keep()
        #expect(isReached)
        // As a process leaves it that was killed.
        _ = try AcceptingSocket.unix(path)
        #expect(!isReached)
        socket.keep()
        #expect(isReached)
        unlink(path)
        try Data().write(to: URL(filePath: path))
        socket.keep()
        #expect(isReached && health.problems.isEmpty)
    }

    /// Of this process, as on filesystems whose files change their numbers. Of another one: test_sshd_failures.
    @Test func aNameAtWhichSomebodyListensIsLeftToThem() throws {
        let socket = try kept()
        let other = try AcceptingSocket.unix(path)
        let identity = FileIdentity(path: path)
        socket.keep()
        withExtendedLifetime(other) {
            #expect(isReached && FileIdentity(path: path) == identity && health.problems.isEmpty)
        }
    }

    @Test func whatCannotBeReplacedIsToldUntilItIsMovedAway() throws {
        let socket = try kept()
        unlink(path)
        try #require(mkdir(path, 0o700) == 0)
        for _ in 0..<2 { socket.keep() }
        #expect(
            problem
                == "the test's socket \(path) was removed or replaced, and cannot be made anew: in place of the "
                + "socket \(path) lies a directory, which the gate does not remove; move it away")
        rmdir(path)
        socket.keep()
        #expect(isReached && health.problems.isEmpty)
    }

    @Test func aNameThatIsPutBackIsNoProblemAnyMore() throws {
        let socket = try kept()
        try #require(rename(path, directory.file("away")) == 0 && mkdir(path, 0o700) == 0)
        socket.keep()
        #expect(!problem.isEmpty)
        rmdir(path)
        try #require(rename(directory.file("away"), path) == 0)
        let identity = FileIdentity(path: path)
        socket.keep()
        #expect(isReached && health.problems.isEmpty && FileIdentity(path: path) == identity)
    }

    /// So many wait there that nobody can ask who it is.
    @Test func whoCannotBeAskedChangesNothing() throws {
        let socket = try kept()
        unlink(path)
        try #require(mkdir(path, 0o700) == 0)
        socket.keep()
        let told = problem
        try #require(!told.isEmpty && rmdir(path) == 0)
        func unixSocket() -> Int32 {
            Glibc.socket(
                AF_UNIX,
                Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        }
        var open = [unixSocket()]
        defer { for descriptor in open { close(descriptor) } }
        let listener = open[0]
        try #require(SocketAddress.withUnixAddress(path) { bind(listener, $0, $1) } == 0)
        try #require(listen(listener, 0) == 0)
        while open.count < 16 {
            let caller = unixSocket()
            open.append(caller)
            if SocketAddress.withUnixAddress(path, { connect(caller, $0, $1) }) != 0 { break }
        }
        try #require(open.count < 16, "its queue is full")
        socket.keep()
        #expect(problem == told)
        for descriptor in open { close(descriptor) }
        open = []
        socket.keep()
        #expect(isReached && health.problems.isEmpty)
    }

    @Test func whatPreparesThePlaceIsAskedFirstAndItsFailureIsTold() throws {
        let place = directory.file("place")
        let path = place + "/socket"
        try #require(mkdir(place, 0o700) == 0)
        let mayMake = directory.file("may")
        let socket = try KeptSocket(
            path, "the test's socket", logger: quietLogger,
            report: health.tell(socket:_:),
            prepare: {
                guard !Presence.isGone(mayMake) else { throw FileError(message: "not yet") }
                mkdir(place, 0o700)
            })
        try FileManager.default.removeItem(atPath: place)
        socket.keep()
        #expect(problem.hasSuffix("cannot be made anew: not yet"), "\(problem)")
        try Data().write(to: URL(filePath: mayMake))
        socket.keep()
        #expect(!Presence.isGone(path) && health.problems.isEmpty)
    }

    @Test func othersAreLetInEachTimeThatItIsBound() throws {
        let path = path
        let socket = try KeptSocket(
            path, "the test's socket", logger: quietLogger, report: { _, _ in false },
            bound: { chmod(path, 0o660) })
        for _ in 0..<2 {
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o660)
            unlink(path)
            socket.keep()
        }
    }

    @Test func whatCannotBeMendedByAnotherTryIsSaidAtTheStart() throws {
        try #require(mkdir(path, 0o700) == 0)
        let error = #expect(throws: ListenError.self) { try kept() }
        #expect(error?.needsMending == true && health.problems.isEmpty)
    }
}
