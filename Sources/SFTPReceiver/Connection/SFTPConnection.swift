// One admitted connection: who called, which process serves it, and who logged in. Sessions wait here for
// the login that the ledger has written. It does no I/O but hanging up.
import Admission
import Glibc

/// A login that is in the ledger.
struct Login: Sendable {
    /// The account as it was then.
    var account: Account
    var credential: Credential
}

actor SFTPConnection {
    nonisolated let addresses: AddressPair
    nonisolated let resolution: Resolution
    /// The decision by which it came in. Commits are decided anew.
    nonisolated let decision: Decision
    nonisolated let source: Endpoint
    nonisolated let socket: ConnectedSocket

    private enum State {
        case starting
        case loggedIn(Login)
        case ended
    }

    private var state = State.starting
    /// sshd's process id, once there is one.
    private(set) var process: pid_t?
    private var waiters: [CheckedContinuation<Login?, Never>] = []

    init(
        socket: ConnectedSocket, addresses: AddressPair, resolution: Resolution, decision: Decision,
        source: Endpoint
    ) {
        self.socket = socket
        self.addresses = addresses
        self.resolution = resolution
        self.decision = decision
        self.source = source
    }

    func started(_ process: pid_t) { self.process = process }

    var hasLogin: Bool {
        if case .loggedIn = state { true } else { false }
    }

    func loggedIn(_ login: Login) {
        guard case .starting = state else { return }
        state = .loggedIn(login)
        resume(login)
    }

    /// No login can come any more.
    func ended() {
        if case .starting = state { resume(nil) }
        state = .ended
    }

    /// Waits for the login; nil when the connection ended without one.
    func login() async -> Login? {
        switch state {
        case .loggedIn(let login): login
        case .ended: nil
        case .starting: await withCheckedContinuation { waiters.append($0) }
        }
    }

    private func resume(_ login: Login?) {
        for waiter in waiters { waiter.resume(returning: login) }
        waiters = []
    }
}
