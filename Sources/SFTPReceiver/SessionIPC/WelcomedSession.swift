// A session that the daemon has welcomed.
import Intake
import Synchronization

final class WelcomedSession: Sendable {
    let connection: SFTPConnection
    let login: Login
    /// nil: a collector's.
    let sender: SenderSession?
    private let state = Mutex(State())

    private struct State {
        var hasRead = false
        var isEnded = false
    }

    init(connection: SFTPConnection, login: Login, sender: SenderSession?) {
        self.connection = connection
        self.login = login
        self.sender = sender
    }

    /// A collector's: the ledger says that it has looked.
    var hasRead: Bool {
        get { state.withLock(\.hasRead) }
        set { state.withLock { $0.hasRead = newValue } }
    }

    /// It may do nothing any more. Returns whether that is new.
    func end() -> Bool {
        state.withLock { state in
            defer { state.isEnded = true }
            return !state.isEnded
        }
    }
}
