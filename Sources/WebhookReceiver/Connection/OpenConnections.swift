// The connections that are open and the requests that are being answered: how many, in total and by source, and the end
// of all of them. It decides nothing but "one more, or not".
import Admission
import NIOCore
import Synchronization

final class OpenConnections: Sendable {
    private struct State {
        var places: FairShares
        var channels: [ObjectIdentifier: any NIOCore.Channel] = [:]
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

    /// A connection's place, until it is given back.
    final class Place: Sendable {
        fileprivate let owner: Mutex<FairShares.Taker?>

        fileprivate init(_ owner: FairShares.Taker) { self.owner = Mutex(owner) }
    }

    /// Takes a place; nil when there is none for this one.
    func enter(_ owner: FairShares.Taker) -> Place? {
        state.withLock { $0.places.take(1, owner) } ? Place(owner) : nil
    }

    /// Gives a place back. Doing so twice is doing it once.
    func leave(_ place: Place) {
        guard
            let owner = place.owner.withLock({ owner in
                defer { owner = nil }
                return owner
            })
        else { return }
        resume { $0.places.giveBack(1, owner) }
    }

    /// The connection that has the place is open, and leaves by itself when it is closed. False: all are being ended, and
    /// it must be closed.
    func add(_ channel: any NIOCore.Channel, _ place: Place) -> Bool {
        let id = ObjectIdentifier(channel)
        let isWelcome = state.withLock {
            $0.channels[id] = channel
            return !$0.isEnding
        }
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { $0.channels[id] = nil }
            leave(place)
        }
        return isWelcome
    }

    /// It is known now for whom the connection is: its place is that one's. False: there is none for it.
    func move(_ place: Place, to owner: FairShares.Taker) -> Bool {
        place.owner.withLock { old in
            guard let current = old, state.withLock({ $0.places.move(1, from: current, to: owner) }) else {
                return false
            }
            old = owner
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
            return Array($0.channels.values)
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
