// The connections that are open now: their number, in all and by source, and the one that a session names.
// It counts and finds; it decides nothing about sources.
import Admission
import Synchronization

final class ConnectionTable: Sendable {
    private struct State {
        var total = 0
        var bySource: [IPAddress: Int] = [:]
        var connections: [AddressPair: SFTPConnection] = [:]
    }

    private let maximum: Int
    private let maximumPerSource: Int
    private let state = Mutex(State())

    init(maximum: Int, maximumPerSource: Int) {
        self.maximum = maximum
        self.maximumPerSource = maximumPerSource
    }

    /// Takes a place for a connection whose source may not be known yet. False: all are taken.
    func enter() -> Bool {
        state.withLock { state in
            guard state.total < maximum else { return false }
            state.total += 1
            return true
        }
    }

    func leave() {
        state.withLock { $0.total -= 1 }
    }

    /// Counts an admitted connection for its source and makes it findable. False: the source has its share.
    func add(_ connection: SFTPConnection, source: IPAddress) -> Bool {
        state.withLock { state in
            let count = state.bySource[source, default: 0]
            guard count < maximumPerSource else { return false }
            state.bySource[source] = count + 1
            state.connections[connection.addresses] = connection
            return true
        }
    }

    func remove(_ connection: SFTPConnection, source: IPAddress) {
        state.withLock { state in
            state.connections[connection.addresses] = nil
            let count = state.bySource[source, default: 0]
            state.bySource[source] = count > 1 ? count - 1 : nil
        }
    }

    func find(_ addresses: AddressPair) -> SFTPConnection? {
        state.withLock { $0.connections[addresses] }
    }

    /// Places that are taken.
    var count: Int { state.withLock { $0.total } }

    var all: [SFTPConnection] {
        state.withLock { Array($0.connections.values) }
    }
}
