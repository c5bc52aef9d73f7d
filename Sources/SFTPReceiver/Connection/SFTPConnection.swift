// One admitted connection: who called, which process serves it, and who logged in. Sessions wait here for
// the login that the ledger has written. It does no I/O but hanging up.
import Accounts
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
    /// The decision by which it came in. Its login and its commits are decided anew, by `resolution`.
    nonisolated let decision: Decision
    nonisolated let source: Endpoint
    nonisolated let socket: ConnectedSocket

    private enum State {
        case starting
        case decided(Result<Login, LoginRevocation>)
        case ended
    }

    private var state = State.starting
    /// sshd's process id, once there is one.
    private(set) var process: pid_t?
    private var waiters: [CheckedContinuation<Result<Login, LoginRevocation>?, Never>] = []

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
        if case .decided(.success) = state { true } else { false }
    }

    /// The login, once the ledger has it.
    var established: Login? {
        if case .decided(.success(let login)) = state { login } else { nil }
    }

    func loggedIn(_ login: Login) { decide(.success(login)) }

    /// sshd took a login that the gate does not.
    func refused(_ withdrawal: LoginRevocation) { decide(.failure(withdrawal)) }

    private func decide(_ outcome: Result<Login, LoginRevocation>) {
        guard case .starting = state else { return }
        state = .decided(outcome)
        resume(outcome)
    }

    /// No login can come any more.
    func ended() {
        if case .starting = state { resume(nil) }
        state = .ended
    }

    /// Waits for the login, or why it is none; nil when the connection ended without one.
    func login() async -> Result<Login, LoginRevocation>? {
        switch state {
        case .decided(let outcome): outcome
        case .ended: nil
        case .starting: await withCheckedContinuation { waiters.append($0) }
        }
    }

    private func resume(_ outcome: Result<Login, LoginRevocation>?) {
        for waiter in waiters { waiter.resume(returning: outcome) }
        waiters = []
    }
}
