// Many at once, or one alone: for work on an account that waits for the disk or the ledger in between. Callers are
// served in the order in which they came, so neither kind starves the other.
import Synchronization

final class SharedLock: Sendable {
    enum Mode: Sendable { case shared, exclusive }

    private struct State {
        var sharers = 0
        var isExclusive = false
        var waiting: [(mode: Mode, continuation: CheckedContinuation<Void, Never>)] = []

        mutating func take(_ mode: Mode) -> Bool {
            switch mode {
            case .shared:
                guard !isExclusive else { return false }
                sharers += 1
            case .exclusive:
                guard !isExclusive, sharers == 0 else { return false }
                isExclusive = true
            }
            return true
        }

        mutating func release(_ mode: Mode) -> [CheckedContinuation<Void, Never>] {
            switch mode {
            case .shared: sharers -= 1
            case .exclusive: isExclusive = false
            }
            var next: [CheckedContinuation<Void, Never>] = []
            while let first = waiting.first, take(first.mode) {
                next.append(first.continuation)
                waiting.removeFirst()
            }
            return next
        }
    }

    private let state = Mutex(State())

    /// Runs `body` while nobody has the lock in a way that does not fit.
    func with<Result, Failure: Error>(
        _ mode: Mode, _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        await lock(mode)
        defer { unlock(mode) }
        return try await body()
    }

    /// Those who wait.
    var waiters: Int { state.withLock { $0.waiting.count } }

    /// Inside `with(.exclusive)`: those who wait now have their turn first.
    func giveWay() async {
        unlock(.exclusive)
        await lock(.exclusive)
    }

    private func lock(_ mode: Mode) async {
        await withCheckedContinuation { continuation in
            let isTaken = state.withLock { state in
                if state.waiting.isEmpty, state.take(mode) { return true }
                state.waiting.append((mode, continuation))
                return false
            }
            if isTaken { continuation.resume() }
        }
    }

    private func unlock(_ mode: Mode) {
        for next in state.withLock({ $0.release(mode) }) { next.resume() }
    }
}
