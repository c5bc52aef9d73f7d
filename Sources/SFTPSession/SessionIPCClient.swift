// The session's end of the link to the daemon: one question, one answer, over the daemon's Unix socket. It blocks; it decides nothing.
// What its client asks for it waits for as long as the client does: the daemon goes on with what it has begun, and a client that
// hears of a failure sends its file again. A client that waits in vain leaves, or sshd ends a channel on which nothing moves
// (`sftp.idle_timeout`). Once the link is closed the daemon does not begin any more what waited for its turn.
import LocalSocket

/// The daemon cannot be asked any more.
struct SessionIPCError: Error, CustomStringConvertible {
    let description: String
    /// The daemon has ended the session, and this says why.
    var isForClient = false

    /// For the client.
    var text: String { isForClient ? description : SessionText.gone }
}

/// Not for several threads.
final class SessionIPCClient {
    private let connection: LineConnection
    private var commits = 0
    /// Why the daemon has ended the session.
    private(set) var ended: String?
    /// Whether the client would hear an answer. Asked from time to time while the daemon gives none.
    var isClientThere: () -> Bool = { true }
    /// The time between two looks is the link's, and set with it.
    var patience: Patience

    struct Patience {
        /// How often it is looked whether the client is still there. Not at once: a client that leaves right after its CLOSE has sent
        /// a whole file all the same.
        var look = Duration.seconds(10)
        /// How long the daemon has for an answer that no client waits for.
        var longest = Duration.seconds(120)
    }

    private static let sendTimeout = Duration.seconds(30)

    init(socket path: String, patience: Patience = Patience()) throws(SessionIPCError) {
        self.patience = patience
        do throws(LocalSocketError) {
            connection = try LineConnection(
                path: path, longest: SessionIPC.maxLine, answerTimeout: patience.look,
                sendTimeout: Self.sendTimeout)
        } catch {
            throw SessionIPCError(description: error.description)
        }
    }

    /// -1 once the link is lost.
    var descriptor: Int32 { connection.descriptor }
    var isOpen: Bool { connection.isOpen }

    func close() { connection.close() }

    func hello(_ hello: SessionHello) throws(SessionIPCError) -> SessionWelcome {
        try send(.hello(hello))
        guard case .welcome(let welcome) = try answer() else {
            throw lost("it answered a hello with something else")
        }
        return welcome
    }

    /// - Parameters:
    ///   - commit: its id is filled in here.
    ///   - content: the upload's bytes; nil: they are a file.
    func commit(_ commit: UploadCommit, content: [UInt8]? = nil) throws(SessionIPCError) -> UploadCommitAnswer
    {
        commits += 1
        var commit = commit
        commit.id = commits
        commit.isInline = content != nil
        guard case .commit(let answer) = try ask(.commit(commit), content ?? []), answer.id == commits else {
            throw lost("it answered a commit with something else")
        }
        return answer
    }

    func collect(_ question: CollectQuestion) throws(SessionIPCError) -> CollectPage {
        guard case .page(let page) = try ask(.collect(question)) else {
            throw lost("it answered a question for drops with something else")
        }
        return page
    }

    /// A question that has an answer.
    /// - Parameter content: what follows its line, as it says.
    func ask(_ message: SessionMessage, _ content: [UInt8] = []) throws(SessionIPCError) -> DaemonMessage {
        guard isOpen else { throw lost("the link is closed") }
        try send(message, content)
        // How an upload ended is told also for a client that has left.
        if case .ended = message { return try answer() }
        return try answer(forClient: true)
    }

    /// The link can be read although nothing was asked: why the daemon ends the session, or nil when it is gone. What
    /// becomes of open uploads can still be told.
    func farewell() -> String? {
        // An answer may have been overtaken by the end; it matters no more.
        if let message = try? receive(), case .end(let end) = message { ended = end.message }
        return ended
    }

    /// Says how an upload ended. Whether the daemon can be asked shows with the next question.
    func end(_ upload: UploadEnded) { _ = try? ask(.ended(upload)) }

    /// Tells the daemon something that has no answer. A lost link shows with the next question.
    func tell(_ message: SessionMessage) {
        guard isOpen else { return }
        do throws(SessionIPCError) {
            try send(message)
        } catch {
            close()
        }
    }

    private func send(_ message: SessionMessage, _ content: [UInt8] = []) throws(SessionIPCError) {
        do throws(LocalSocketError) { try connection.send(message.line + content) } catch {
            throw lost(error.description)
        }
    }

    private func answer(forClient: Bool = false) throws(SessionIPCError) -> DaemonMessage {
        while true {
            let message = try receive(forClient: forClient)
            guard case .end(let end) = message else { return message }
            ended = end.message
            // Else what was asked before is answered yet, and what is done is done.
            if end.answers == true { throw SessionIPCError(description: end.message, isForClient: true) }
        }
    }

    private func receive(forClient: Bool = false) throws(SessionIPCError) -> DaemonMessage {
        let line: [UInt8]
        do throws(LocalSocketError) {
            line = try connection.receive { looks in
                forClient ? isClientThere() : patience.look * looks < patience.longest
            }
        } catch {
            throw lost(error.description)
        }
        do throws(StrangeLine) { return try DaemonMessage(line: line) } catch { throw lost("\(error)") }
    }

    private func lost(_ why: String) -> SessionIPCError {
        close()
        if let ended { return SessionIPCError(description: ended, isForClient: true) }
        return SessionIPCError(description: "the gate's daemon cannot be asked: \(why)")
    }
}
