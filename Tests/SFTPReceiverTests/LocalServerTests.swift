// The listening end of a local socket: what a caller says and hears, and how a conversation ends.
import Blocking
import Files
import Foundation
import Intake
import LocalSocket
import Support
import Synchronization
import Testing

@testable import LocalServer

@Suite(.timeLimit(.minutes(1))) struct LocalServerTests {
    private let directory: TemporaryDirectory
    private let path: String
    private let clients = BlockingExecutor(label: "client", width: 4)

    init() throws {
        directory = try TemporaryDirectory("local")
        path = directory.file("socket")
    }

    private func connect() throws -> LineConnection {
        try LineConnection(
            path: path, longest: 1 << 20, answerTimeout: .seconds(20), sendTimeout: .seconds(20))
    }

    private func kept() throws -> KeptSocket {
        try KeptSocket(path, "the test's socket", logger: quietLogger, report: { _, _ in false })
    }

    /// Runs `body` beside a server and returns when both have ended.
    private func withServer(
        socket: KeptSocket? = nil, waiting: Int = 0, firstLine: Duration = .seconds(10),
        serve: @escaping @Sendable (inout LocalConversation) async throws -> Void,
        failed: @escaping @Sendable (any Error) -> Void = { _ in },
        _ body: @escaping @Sendable () throws -> Void
    ) async throws {
        let server = LocalServer(
            socket: try socket ?? kept(), label: "test", longest: 1 << 16, waiting: waiting,
            firstLine: firstLine)
        let executor = BlockingExecutor(label: "server", width: 4)
        let serving = Task(executorPreference: executor) {
            await server.run(serve: serve) { failed($1) }
        }
        defer { serving.cancel() }
        try await clients.run(body)
        server.stop()
        await serving.value
    }

    /// Answers each line with itself.
    @Sendable private static func echo(_ conversation: inout LocalConversation) async throws {
        while let line = try await conversation.next() { try conversation.writer.send(line + [0x0A]) }
    }

    @Test(
        "Each line is answered, whether a thread waits for it or not, from however many callers at once",
        arguments: [0, 1, 4])
    func answers(waiting: Int) async throws {
        try await withServer(waiting: waiting, serve: Self.echo) {
            let callers = try (0..<6).map { _ in try connect() }
            for round in 0..<20 {
                for (number, caller) in callers.enumerated() {
                    let line = Array("\(round) \(number)".utf8)
                    try caller.send(line + [0x0A])
                    #expect(try caller.receive() == line)
                }
            }
        }
    }

    /// A caller that says nothing for longer than a thread waits for it is heard all the same.
    @Test func aCallerThatWasSilentIsHeard() async throws {
        try await withServer(waiting: 1, serve: Self.echo) {
            let caller = try connect()
            // The other one has the only thread that may wait, again and again, until its last line.
            let busy = try connect()
            for _ in 0..<50 {
                try busy.send([0x61, 0x0A])
                _ = try busy.receive()
            }
            try caller.send([0x62, 0x0A])
            #expect(try caller.receive() == [0x62])
        }
    }

    @Test func aCallerThatSaysNothingAtAllGivesItsPlaceUp() async throws {
        try await withServer(firstLine: .milliseconds(50), serve: Self.echo) {
            let other = try connect()
            try other.send([0x61, 0x0A])
            #expect(try other.receive() == [0x61])
            let silent = try connect()
            #expect(throws: LocalSocketError.self) { try silent.receive() }
            // Whoever has said a line may be silent for as long as it likes.
            try other.send([0x62, 0x0A])
            #expect(try other.receive() == [0x62])
        }
    }

    @Test func aSocketWhoseFileIsRemovedIsMadeAnewAndItsNameGoesWithTheServer() async throws {
        try await withServer(serve: Self.echo) {
            let before = try connect()
            unlink(path)
            var found: LineConnection?
            while found == nil {
                found = try? connect()
                sched_yield()
            }
            // Who was there before is served on.
            for caller in [before, found].compactMap(\.self) {
                try caller.send([0x61, 0x0A])
                #expect(try caller.receive() == [0x61])
            }
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func whoNeedsTheNameHasItAtOnce() async throws {
        let socket = try kept()
        try await withServer(socket: socket, serve: Self.echo) {
            for _ in 0..<3 {
                unlink(path)
                socket.keep()
                let caller = try connect()
                try caller.send([0x61, 0x0A])
                #expect(try caller.receive() == [0x61])
            }
        }
        // A server that has ended makes none anew.
        socket.keep()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func linesOfSeveralTasksDoNotMix() async throws {
        let (lines, length) = (40, 30_000)
        try await withServer { conversation in
            let writer = conversation.writer
            try await withThrowingTaskGroup(of: Void.self) { group in
                for letter in "abcd".utf8 {
                    group.addTask {
                        for _ in 0..<lines {
                            try writer.send([UInt8](repeating: letter, count: length) + [0x0A])
                        }
                    }
                }
                try await group.waitForAll()
            }
        } _: {
            let caller = try connect()
            for _ in 0..<(4 * lines) {
                let line = try caller.receive()
                #expect(line.count == length && Set(line).count == 1)
            }
        }
    }

    @Test func aConversationThatWaitsEndsWithItsTask() async throws {
        let server = LocalServer(socket: try kept(), label: "test", longest: 1 << 16)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let wasCancelled = Mutex(false)
        let serving = Task {
            await server.run { conversation in
                begin.yield()
                _ = try await conversation.next()
            } failed: { _, error in
                if error is CancellationError { wasCancelled.withLock { $0 = true } }
            }
        }
        async let hearsTheEnd = clients.run {
            let caller = try connect()
            do throws(LocalSocketError) { _ = try caller.receive() } catch { return true }
            return false
        }
        for await _ in begun { break }
        serving.cancel()
        await serving.value
        #expect(wasCancelled.withLock { $0 })
        #expect(try await hearsTheEnd)
    }

    @Test func aLineThatIsTooLongEndsTheConversation() async throws {
        let wasTooLong = Mutex(false)
        try await withServer(serve: Self.echo) { error in
            if error is LineBuffer.TooLong { wasTooLong.withLock { $0 = true } }
        } _: {
            let caller = try connect()
            // The end may come before all of it is sent.
            try? caller.send([UInt8](repeating: 0x61, count: 200_000))
            #expect(throws: LocalSocketError.self) { try caller.receive() }
        }
        #expect(wasTooLong.withLock { $0 })
    }

    // MARK: One connection

    private func pair(sendTimeout: Int32 = 5000) -> (here: LocalConnection, there: LocalConnection) {
        var ends: [Int32] = [0, 0]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends)
        return (LocalConnection(ends[0], sendTimeout: sendTimeout), LocalConnection(ends[1]))
    }

    @Test func aCallerThatTakesNothingIsGivenUpAndHearsNoMore() throws {
        let (here, there) = pair(sendTimeout: 20)
        let error = #expect(throws: SystemError.self) {
            try here.send([UInt8](repeating: 0x61, count: 8 << 20))
        }
        #expect(error?.code == ETIMEDOUT)
        #expect(throws: SystemError.self) { try here.send([0x62]) }
        var heard = 0
        while let bytes = try there.receive(), !bytes.isEmpty { heard += bytes.count }
        #expect(heard > 0 && heard < 8 << 20)
        #expect(try there.receive() == [], "its end, and not a part of the next line")
    }

    @Test func aTaskThatIsCancelledBeforeItWaitsDoesNotWait() async {
        let (here, there) = pair()
        await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await here.isReadable()
        }.value
        _ = there
    }

    @Test func itIsReadableForBytesForTheEndAndAfterAHangUp() async throws {
        let (here, there) = pair()
        try there.send([0x61])
        await here.isReadable()
        #expect(try here.receive() == [0x61])
        #expect(try here.receive() == nil)
        there.hangUp()
        await here.isReadable()
        #expect(try here.receive() == [])
        let (alone, other) = pair()
        alone.hangUp()
        await alone.isReadable()
        #expect(try alone.receive() == [])
        _ = other
    }
}
