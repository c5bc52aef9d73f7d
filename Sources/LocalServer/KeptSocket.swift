// A listening Unix socket and its name in the file system, by which alone callers find it. Somebody may remove the name, or another
// process take it, while this one listens: then it is bound anew, and where it cannot be, whoever has made it and the log are told why.
import CShims
import Files
import Glibc
package import Logging
package import Sockets
import Synchronization

package final class KeptSocket: Sendable {
    private struct State {
        var socket: AcceptingSocket
        /// Of the name as this process has bound it last.
        var identity: FileIdentity?
        /// nil before callers are taken.
        var accepting: (@Sendable (AcceptingSocket) -> Acceptance)?
        var acceptance: Acceptance?
        /// It was told that nobody is reached.
        var isTold = false
        var hasEnded = false
    }

    private let path: String
    private let what: String
    private let report: @Sendable (_ path: String, _ why: String?) -> Bool
    private let logger: Logger
    private let prepare: @Sendable () throws -> Void
    private let bound: @Sendable () -> Void
    private let state: Mutex<State>

    /// Binds and listens; what had the name before is removed. Callers wait until a `LocalServer` has the socket.
    /// - Parameters:
    ///   - what: in words, for messages that go on with the path: "the control socket".
    ///   - report: told in words why nobody is reached by the name, and nil once somebody is. Returns whether that is news.
    ///   - prepare: called before the name is bound anew: its directory may be gone, too.
    ///   - bound: called each time that it has been bound, open to this user alone: lets others in.
    package init(
        _ path: String, _ what: String, logger: Logger,
        report: @escaping @Sendable (_ path: String, _ why: String?) -> Bool,
        prepare: @escaping @Sendable () throws -> Void = {}, bound: @escaping @Sendable () -> Void = {}
    ) throws(ListenError) {
        self.path = path
        self.what = what
        self.report = report
        self.logger = logger
        self.prepare = prepare
        self.bound = bound
        let socket = try AcceptingSocket.unix(path)
        state = Mutex(State(socket: socket, identity: FileIdentity(path: path)))
        bound()
    }

    /// Has callers taken from now on, at this socket and at each that follows it.
    func accept(_ accepting: @escaping @Sendable (AcceptingSocket) -> Acceptance) {
        state.withLock { state in
            state.accepting = accepting
            state.acceptance = accepting(state.socket)
        }
    }

    /// Nobody is taken any more, and the name goes, too, unless it is another's by now.
    func end() {
        state.withLock { state in
            state.hasEnded = true
            state.acceptance?.stop()
            if let identity = state.identity, FileIdentity(path: path) == identity { unlink(path) }
        }
    }

    /// Binds the name anew where nobody is reached by it any more. Whoever is about to have somebody call asks for it: it is one look
    /// (lstat(2)) where all is well, and may block for a moment where it is not.
    package func keep() {
        state.withLock { state in
            guard !state.hasEnded else { return }
            do throws(SystemError) {
                guard let found = try FileIdentity.of(path) else { return renew(&state) }
                guard found != state.identity else { return settle(&state) }
            } catch {
                return tell("cannot be looked at: \(error)", &state)
            }
            switch reached {
            case .own: settle(&state)
            case .nobody: renew(&state)
            case .other: tell("leads to another process", &state)
            case nil: break
            }
        }
    }

    private enum Reached { case own, nobody, other }

    /// Who answers to the name. A socket at which nobody listens is left by a process that was killed. One of another process that listens
    /// is that one's. nil: that cannot be told now: too many wait there, say.
    private var reached: Reached? {
        let caller = socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard caller >= 0 else { return nil }
        defer { close(caller) }
        guard SocketAddress.withUnixAddress(path, { connect(caller, $0, $1) }) == 0 else {
            switch errno {
            case ECONNREFUSED, ENOENT: return .nobody
            case EACCES, EPROTOTYPE: return .other
            default: return nil
            }
        }
        // Of a connection: who listens (unix(7)).
        var process: Int32 = 0
        var user: UInt32 = 0
        let isKnown = dropgate_peer_credentials(caller, &process, &user) == 0
        return isKnown && process != getpid() ? .other : .own
    }

    private func renew(_ state: inout State) {
        do {
            try prepare()
            let socket = try AcceptingSocket.unix(path)
            state.acceptance?.stop()
            state.socket = socket
            state.identity = FileIdentity(path: path)
            state.acceptance = state.accepting?(socket)
        } catch {
            return tell("was removed or replaced, and cannot be made anew: \(error)", &state)
        }
        bound()
        state.isTold = false
        _ = report(path, nil)
        logger.warning("\(what) \(path) was removed or replaced, and is made anew")
    }

    private func settle(_ state: inout State) {
        guard state.isTold else { return }
        state.isTold = false
        _ = report(path, nil)
        logger.notice("\(what) \(path) leads to the gate again")
    }

    private func tell(_ why: String, _ state: inout State) {
        state.isTold = true
        let message = "\(what) \(path) \(why)"
        if report(path, message) { logger.error("\(message)") }
    }
}
