// The caller's end of a local socket: lines to another process of this machine and user, and its lines back. It blocks, with
// limits of time.
import Files
import Glibc
import Sockets

/// The other process cannot be talked to, or not any more.
package struct LocalSocketError: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// Nobody listens at the path. False, too, where this process may not ask, or where who listens does not answer.
    package let isNobodyThere: Bool
    /// Who listened has closed the connection: it may have ended, or be about to.
    package let hasHungUp: Bool
    /// So many wait to be taken that there was no place left.
    package let isCrowded: Bool

    package init(
        _ description: String, isNobodyThere: Bool = false, hasHungUp: Bool = false, isCrowded: Bool = false
    ) {
        self.description = description
        self.isNobodyThere = isNobodyThere
        self.hasHungUp = hasHungUp
        self.isCrowded = isCrowded
    }

    init(_ what: String, _ error: SystemError) {
        self.init("\(what): \(error)", hasHungUp: [EPIPE, ECONNRESET].contains(error.code))
    }

    /// Of connect(2).
    fileprivate init(connecting path: String, _ error: SystemError) {
        self.init(
            AccessAdvice.denial(path, error, to: "connect to"),
            isNobodyThere: [ENOENT, ENOTDIR, ECONNREFUSED].contains(error.code),
            isCrowded: error.code == EAGAIN)
    }
}

/// Not for several threads at once. Closes itself.
package final class LineConnection {
    /// For poll(2); -1 once it is closed.
    package private(set) var descriptor: Int32
    private var lines: LineBuffer

    /// - Parameters:
    ///   - longest: bytes of a line that is taken, without its newline.
    ///   - answerTimeout: what the other process has for each line; more than nothing.
    ///   - sendTimeout: what it has to take one.
    package init(
        path: String, longest: Int, answerTimeout: Duration, sendTimeout: Duration
    ) throws(LocalSocketError) {
        guard path.utf8.count <= SocketAddress.longestUnixPath else {
            throw LocalSocketError("the socket's path is too long: \(path)", isNobodyThere: true)
        }
        lines = LineBuffer(limit: longest)
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw LocalSocketError("no socket", .last) }
        // Before it connects: where nobody accepts, that waits, too.
        setTimeout(SO_RCVTIMEO, answerTimeout)
        setTimeout(SO_SNDTIMEO, sendTimeout)
        let connected = SocketAddress.withUnixAddress(path) { address, length in
            connect(descriptor, address, length)
        }
        guard connected == 0 else {
            let error = LocalSocketError(connecting: path, .last)
            close()
            throw error
        }
    }

    deinit { close() }

    package var isOpen: Bool { descriptor >= 0 }

    package func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    /// - Parameter line: with its newline, and with the bytes that it says follow it.
    package func send(_ line: [UInt8]) throws(LocalSocketError) {
        do throws(SystemError) { try SystemCall.send(line, to: descriptor) } catch {
            throw LocalSocketError("sending", error)
        }
    }

    /// The next line, without its newline.
    /// - Parameter isAwaited: whether to wait on, asked each time when the other process has had its time once more; how often it has had
    ///   it is given. Once is enough, as a rule.
    package func receive(
        whileAwaited isAwaited: (_ times: Int) -> Bool = { _ in false }
    ) throws(LocalSocketError) -> [UInt8] {
        var times = 0
        while true {
            do throws(LineBuffer.TooLong) {
                if let line = try lines.line() { return line }
            } catch {
                throw LocalSocketError("it sent a line that is too long")
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count: Int
            do throws(SystemError) {
                count = try SystemCall.retrying { recv(descriptor, &buffer, buffer.count, 0) }
            } catch {
                guard error.code == EAGAIN else { throw LocalSocketError("waiting for an answer", error) }
                times += 1
                guard isAwaited(times) else { throw LocalSocketError("it does not answer") }
                continue
            }
            guard count > 0 else { throw LocalSocketError("it closed the connection", hasHungUp: true) }
            lines.append(buffer[..<count])
        }
    }

    private func setTimeout(_ option: Int32, _ timeout: Duration) {
        let (seconds, attoseconds) = timeout.components
        var time = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }
}
