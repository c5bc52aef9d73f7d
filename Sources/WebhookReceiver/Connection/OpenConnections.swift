// The connections that are open and the requests that are being answered: how many, in total and by source, and the end
// of all of them. It decides nothing but "one more, or not".
import Admission
import NIOCore
import Synchronization

final class OpenConnections: Sendable {
    private struct State {
        var places: FairShares
        var connections: [ObjectIdentifier: (channel: any NIOCore.Channel, owner: FairShares.Taker)] = [:]
        var requests = 0
        var isEnding = false
        var waiters: [CheckedContinuation<Void, Never>] = []

        var isEmpty: Bool { places.used == 0 && requests == 0 }

        /// Those who wait for the last one, if that was it.
        mutating func released() -> [CheckedContinuation<Void, Never>] {
            guard isEmpty, !waiters.isEmpty else { return [] }
            defer { waiters = [] }
            return waiters
        }
    }

    private let state: Mutex<State>

    init(total: Int, perSource: Int) {
        state = Mutex(State(places: FairShares(total: total, perSource: perSource)))
    }

    /// Open connections now, for tests and metrics.
    var open: Int { state.withLock { $0.places.used } }

    // MARK: Connections

    /// Takes a place; false when there is none for this one.
    func enter(_ owner: FairShares.Taker) -> Bool { state.withLock { $0.places.take(1, owner) } }

    /// The connection that has a place is open. It leaves by itself when it is closed. False: all are being ended, and
    /// it must be closed.
    func add(_ channel: any NIOCore.Channel, _ owner: FairShares.Taker) -> Bool {
        let id = ObjectIdentifier(channel)
        let isWelcome = state.withLock {
            $0.connections[id] = (channel, owner)
            return !$0.isEnding
        }
        channel.closeFuture.whenComplete { [self] _ in
            resume { state in
                guard let owner = state.connections.removeValue(forKey: id)?.owner else { return }
                state.places.giveBack(1, owner)
            }
        }
        return isWelcome
    }

    /// It is known now for whom the connection is: its place is that one's. False: there is none for it.
    func move(_ channel: any NIOCore.Channel, to owner: FairShares.Taker) -> Bool {
        let id = ObjectIdentifier(channel)
        return state.withLock {
            guard let old = $0.connections[id]?.owner, $0.places.move(1, from: old, to: owner) else {
                return false
            }
            $0.connections[id]?.owner = owner
            return true
        }
    }

    // MARK: Requests

    /// A request is being answered; whoever waits for the end waits for it, too.
    func requestBegan() { state.withLock { $0.requests += 1 } }

    func requestEnded() { resume { $0.requests -= 1 } }

    private func resume(_ change: (inout State) -> Void) {
        let released = state.withLock { state in
            change(&state)
            return state.released()
        }
        for waiter in released { waiter.resume() }
    }

    // MARK: The end

    /// Asks each connection to come to its end, and those that come from now on.
    func quiesce() {
        for channel in ending() {
            channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        }
    }

    /// Closes all.
    func close() {
        for channel in ending() { channel.close(promise: nil) }
    }

    private func ending() -> [any NIOCore.Channel] {
        state.withLock {
            $0.isEnding = true
            return $0.connections.values.map(\.channel)
        }
    }

    /// Returns when no connection is open and no request is being answered.
    func areGone() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock {
                if !$0.isEmpty { $0.waiters.append(continuation) }
                return $0.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }
}
