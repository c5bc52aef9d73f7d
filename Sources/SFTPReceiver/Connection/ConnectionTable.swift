// The connections that are open now: their number, in all and by source, and the one that a session names.
// It counts and finds; it decides nothing about sources.
import Admission
import Synchronization

final class ConnectionTable: Sendable {
    private struct State {
        var places: FairShares
        var connections: [AddressPair: SFTPConnection] = [:]
    }

    private let state: Mutex<State>

    init(maximum: Int, maximumPerSource: Int) {
        state = Mutex(State(places: FairShares(total: maximum, perSource: maximumPerSource)))
    }

    /// Takes a place for a connection whose source is not known yet. False: all are taken.
    func enter() -> Bool { state.withLock { $0.places.take(1, .proxy) } }

    func leave() { state.withLock { $0.places.giveBack(1, .proxy) } }

    /// Takes a place for an admitted connection and makes it findable. False: there is none, or none for its source.
    func add(_ connection: SFTPConnection, source: IPAddress) -> Bool {
        state.withLock { state in
            guard state.places.take(1, .init(source: source, isListed: true)) else { return false }
            state.connections[connection.addresses] = connection
            return true
        }
    }

    func remove(_ connection: SFTPConnection, source: IPAddress) {
        state.withLock { state in
            // Its caller may be back already, from the same port.
            if state.connections[connection.addresses] === connection {
                state.connections[connection.addresses] = nil
            }
            state.places.giveBack(1, .init(source: source, isListed: true))
        }
    }

    func find(_ addresses: AddressPair) -> SFTPConnection? {
        state.withLock { $0.connections[addresses] }
    }

    /// Places that are taken.
    var count: Int { state.withLock { $0.places.used } }

    var all: [SFTPConnection] {
        state.withLock { Array($0.connections.values) }
    }
}
