// The session's end of the link to the daemon: one question, one answer, over the daemon's Unix socket.
// It blocks, with limits of time; it decides nothing.
import Glibc
import Sockets

/// The daemon cannot be asked any more.
struct LinkError: Error, CustomStringConvertible {
    let description: String
    /// The daemon has ended the session, and this says why.
    var isForClient = false

    /// For the client.
    var text: String { isForClient ? description : SessionText.gone }
}

/// Not for several threads. Closes itself.
final class LinkClient {
    /// -1 once the link is lost.
    private(set) var descriptor: Int32
    private var lines = LineBuffer(limit: Link.maxLine)
    private var received: [[UInt8]] = []
    private var commits = 0
    /// Why the daemon has ended the session.
    private(set) var ended: String?

    /// Seconds that the daemon has for an answer. A commit may wait for a slow disk.
    private static let answerTimeout = 120
    private static let sendTimeout = 30

    init(socket path: String) throws(LinkError) {
        guard path.utf8.count <= SocketAddress.longestUnixPath else {
            throw LinkError(description: "the socket's path is too long: \(path)")
        }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw LinkError(description: "no socket: \(String(cString: strerror(errno)))")
        }
        let connected = SocketAddress.withUnixAddress(path) { address, length in
            connect(descriptor, address, length)
        }
        guard connected == 0 else {
            let reason = String(cString: strerror(errno))
            close()
            throw LinkError(description: "cannot connect to \(path): \(reason)")
        }
        setTimeout(SO_RCVTIMEO, seconds: Self.answerTimeout)
        setTimeout(SO_SNDTIMEO, seconds: Self.sendTimeout)
    }

    deinit { close() }

    var isOpen: Bool { descriptor >= 0 }

    func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    func hello(_ hello: LinkHello) throws(LinkError) -> LinkWelcome {
        try send(.hello(hello))
        guard case .welcome(let welcome) = try answer() else {
            throw lost("it answered a hello with something else")
        }
        return welcome
    }

    /// - Parameter commit: its id is filled in here.
    func commit(_ commit: LinkCommit) throws(LinkError) -> LinkCommitAnswer {
        commits += 1
        var commit = commit
        commit.id = commits
        guard case .commit(let answer) = try ask(.commit(commit)), answer.id == commits else {
            throw lost("it answered a commit with something else")
        }
        return answer
    }

    func collect(_ question: LinkCollect) throws(LinkError) -> LinkPage {
        guard case .page(let page) = try ask(.collect(question)) else {
            throw lost("it answered a question for drops with something else")
        }
        return page
    }

    /// A question that has an answer.
    func ask(_ message: SessionMessage) throws(LinkError) -> DaemonMessage {
        guard isOpen else { throw lost("the link is closed") }
        try send(message)
        return try answer()
    }

    /// The link can be read although nothing was asked: why the daemon ends the session, or nil when it is gone. What
    /// becomes of open uploads can still be told.
    func farewell() -> String? {
        // An answer may have been overtaken by the end; it matters no more.
        if let message = try? receive(), case .end(let end) = message { ended = end.message }
        return ended
    }

    /// Says how an upload ended. Whether the daemon can be asked shows with the next question.
    func end(_ upload: LinkEnded) { _ = try? ask(.ended(upload)) }

    /// Tells the daemon something that has no answer. A lost link shows with the next question.
    func tell(_ message: SessionMessage) {
        guard isOpen else { return }
        do throws(LinkError) {
            try send(message)
        } catch {
            close()
        }
    }

    private func send(_ message: SessionMessage) throws(LinkError) {
        let line: [UInt8]
        do {
            line = try Link.encode(message)
        } catch {
            throw lost("a message cannot be encoded: \(error)")
        }
        var sent = 0
        while sent < line.count {
            let count = line.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw lost(String(cString: strerror(errno)))
            }
            sent += count
        }
    }

    private func answer() throws(LinkError) -> DaemonMessage {
        while true {
            let message = try receive()
            guard case .end(let end) = message else { return message }
            ended = end.message
            // Else what was asked before is answered yet, and what is done is done.
            if end.answers == true { throw LinkError(description: end.message, isForClient: true) }
        }
    }

    private func receive() throws(LinkError) -> DaemonMessage {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while received.isEmpty {
            let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw lost(count == 0 ? "it closed the link" : String(cString: strerror(errno)))
            }
            do throws(LineBuffer.TooLong) {
                received += try lines.feed(buffer[..<count])
            } catch {
                throw lost("it sent a line that is too long")
            }
        }
        do {
            return try Link.decode(DaemonMessage.self, from: received.removeFirst())
        } catch {
            throw lost("it sent what is no answer: \(error)")
        }
    }

    private func lost(_ why: String) -> LinkError {
        close()
        if let ended { return LinkError(description: ended, isForClient: true) }
        return LinkError(description: "the gate's daemon cannot be asked: \(why)")
    }

    private func setTimeout(_ option: Int32, seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }
}
