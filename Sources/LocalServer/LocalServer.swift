// The listening end of a local socket: takes callers of this machine, says which process and user each is, and gives their
// lines one after another. It knows no message.
import CShims
package import Files
package import Glibc
import LocalSocket
import Sockets
import Synchronization

/// The process at the other end, as the kernel knows it (SO_PEERCRED, unix(7)).
package struct LocalPeer: Sendable, Hashable {
    package var process: pid_t
    package var user: uid_t
    /// Who has logged in, whatever user the process runs as since (su, sudo): the kernel's audit login user. nil for a process
    /// of no login, and where the kernel does not tell.
    package var login: uid_t?

    package init(process: pid_t, user: uid_t, login: uid_t? = nil) {
        self.process = process
        self.user = user
        self.login = login
    }
}

package struct LocalServer: Sendable {
    private let socket: KeptSocket
    private let label: String
    /// How often it is seen whether callers still find it.
    private static let look = Duration.seconds(1)
    /// Bytes of a line that is taken.
    private let longest: Int
    private let patience: Patience
    private let firstLine: Duration
    private let arrivals: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation

    /// - Parameters:
    ///   - label: of the thread that accepts.
    ///   - waiting: how many threads may wait for the next line of a caller that has just said one. To wake a thread that waits
    ///     takes less than to have another one find it, for callers who ask one thing after the other.
    ///   - firstLine: how long a caller has for its first line. Programs say it at once; who says nothing gives its place up.
    package init(
        socket: KeptSocket, label: String, longest: Int, waiting: Int = 0, firstLine: Duration = .seconds(10)
    ) {
        self.socket = socket
        self.label = label
        self.longest = longest
        self.firstLine = firstLine
        patience = Patience(threads: waiting)
        (arrivals, continuation) = AsyncStream.makeStream()
    }

    /// No caller is taken any more; `run` returns when those that are there have ended.
    package func stop() { continuation.finish() }

    /// Serves callers, each in a task of its own, until `stop` or until the task is cancelled. It keeps the socket's name meanwhile, and
    /// gives it up at its end. What `serve` throws ends one caller's connection and is told to `failed`. Reading and writing may block
    /// for a moment: it is for tasks on a `BlockingExecutor`.
    package func run(
        serve: @escaping @Sendable (inout LocalConversation) async throws -> Void,
        failed: @escaping @Sendable (LocalPeer, any Error) -> Void
    ) async {
        await withDiscardingTaskGroup { group in
            // On the caller's executor, for it may block; it ends with this scope.
            async let _: Void = acceptAll()
            for await descriptor in arrivals {
                group.addTask { await converse(LocalConnection(descriptor), serve, failed) }
            }
        }
    }

    /// Until the task is cancelled.
    private func acceptAll() async {
        socket.accept { [label, continuation] socket in
            socket.accept(
                label: label,
                take: { descriptor, _ in
                    if case .enqueued = continuation.yield(descriptor) { return }
                    close(descriptor)
                }, turnAway: { descriptor, _ in close(descriptor) })
        }
        while (try? await Task.sleep(for: Self.look)) != nil { socket.keep() }
        socket.end()
    }

    private func converse(
        _ connection: LocalConnection, _ serve: @Sendable (inout LocalConversation) async throws -> Void,
        _ failed: @Sendable (LocalPeer, any Error) -> Void
    ) async {
        var process: Int32 = 0
        var user: UInt32 = 0
        guard dropgate_peer_credentials(connection.descriptor, &process, &user) == 0 else { return }
        var login: UInt32 = 0
        let hasLogin = dropgate_peer_login_user(connection.descriptor, process, &login) == 0
        let peer = LocalPeer(process: process, user: user, login: hasLogin ? login : nil)
        let alarm = Task { [firstLine] in
            while (try? await Task.sleep(for: firstLine)) != nil {
                // What it has said may wait for a thread that reads it.
                if connection.wait(for: POLLIN, 0) { continue }
                return connection.hangUp()
            }
        }
        defer { alarm.cancel() }
        do {
            var conversation = LocalConversation(
                peer: peer, connection: connection, longest: longest, patience: patience, alarm: alarm)
            try await serve(&conversation)
        } catch {
            failed(peer, error)
        }
        // Tasks that would still write have it, too.
        connection.hangUp()
    }
}

/// Sends lines to a caller, from any task.
package struct LocalWriter: Sendable {
    fileprivate let connection: LocalConnection

    /// It blocks while the caller takes nothing, five seconds at most. Throws `SystemError`.
    /// - Parameter line: with its newline.
    package func send(_ line: [UInt8]) throws(SystemError) { try connection.send(line) }

    /// Whether the caller is still there to take anything.
    package var isHeard: Bool { connection.isOpen }
}

/// What one caller says, line by line.
package struct LocalConversation {
    package let peer: LocalPeer
    package var writer: LocalWriter { LocalWriter(connection: connection) }
    private let connection: LocalConnection
    private let patience: Patience
    private var buffer: LineBuffer
    /// Ends the connection of a caller that says nothing; nil once it has said a line.
    private var alarm: Task<Void, Never>?

    fileprivate init(
        peer: LocalPeer, connection: LocalConnection, longest: Int, patience: Patience,
        alarm: Task<Void, Never>
    ) {
        self.peer = peer
        self.connection = connection
        self.patience = patience
        self.alarm = alarm
        buffer = LineBuffer(limit: longest)
    }

    /// The next line without its newline; nil when the caller has ended. Throws `LineBuffer.TooLong`, `SystemError`, and
    /// `CancellationError` when the task is cancelled.
    package mutating func next() async throws -> [UInt8]? {
        while true {
            if let line = try buffer.line() {
                alarm?.cancel()
                alarm = nil
                return line
            }
            guard try await receive() else { return nil }
        }
    }

    /// The `count` bytes that follow the last line; nil when the caller has ended before. The caller of this bounds them.
    package mutating func next(_ count: Int) async throws -> [UInt8]? {
        while true {
            if let bytes = buffer.take(count) { return bytes }
            guard try await receive() else { return nil }
        }
    }

    private mutating func receive() async throws -> Bool {
        while true {
            try Task.checkCancellation()
            if let bytes = try connection.receive() {
                buffer.append(bytes)
                return !bytes.isEmpty
            }
            if !patience.wait(for: connection) { await connection.isReadable() }
        }
    }
}

/// How many threads wait for a caller's next line at once.
private final class Patience: Sendable {
    /// Of a client at the other end of a network, between two requests for a small file.
    private static let time: Int32 = 5  // milliseconds
    private let threads: Mutex<Int>

    init(threads: Int) { self.threads = Mutex(threads) }

    /// Returns whether there is something to read.
    func wait(for connection: LocalConnection) -> Bool {
        let may = threads.withLock { threads in
            guard threads > 0 else { return false }
            threads -= 1
            return true
        }
        guard may else { return false }
        defer { threads.withLock { $0 += 1 } }
        return connection.wait(for: POLLIN, Self.time)
    }
}
