// Bounds the memory of all bodies that are being read or committed at once, and of those of one source. Limits of
// connections and of one body alone would still allow their product.
import Admission
import Synchronization

final class BodyBudget: Sendable {
    private let shares: Mutex<FairShares>

    /// Room for `limit` bytes, or for two bodies of the largest size where that is more. An eighth of it is for small ones alone
    /// (`FairShares`), and one source has half of it.
    init(limit: Int = 256 << 20, largestBody: Int) {
        let (two, overflow) = largestBody.multipliedReportingOverflow(by: 2)
        let total = max(limit, overflow ? .max : two)
        shares = Mutex(FairShares(total: total, perSource: total / 2))
    }

    /// A share of no bytes yet.
    func share(of taker: FairShares.Taker) -> BodyShare { BodyShare(self, taker) }

    /// Whether a body of this length would find room now.
    func hasRoom(for bytes: Int, of taker: FairShares.Taker) -> Bool {
        shares.withLock { shares in
            guard shares.take(bytes, taker) else { return false }
            shares.giveBack(bytes, taker)
            return true
        }
    }

    fileprivate func take(_ bytes: Int, _ taker: FairShares.Taker) -> Bool {
        shares.withLock { $0.take(bytes, taker) }
    }

    fileprivate func giveBack(_ bytes: Int, _ taker: FairShares.Taker) {
        shares.withLock { $0.giveBack(bytes, taker) }
    }

    /// Bytes taken now.
    var taken: Int { shares.withLock { $0.used } }
}

/// What one body takes of the budget. It goes where the body goes, and gives its bytes back with its own end, whichever way
/// that comes about.
final class BodyShare: Sendable {
    private let budget: BodyBudget
    private let taker: FairShares.Taker
    /// Room that was taken, and how much of it is used. Of one event loop at a time.
    private let held = Atomic(0)
    private let used = Atomic(0)
    /// Room is taken by so many bytes, since a body may come in pieces of one.
    private static let step = 4096

    fileprivate init(_ budget: BodyBudget, _ taker: FairShares.Taker) {
        self.budget = budget
        self.taker = taker
    }

    deinit { budget.giveBack(held.load(ordering: .relaxed), taker) }

    /// Takes room for some more bytes; false when there is none.
    func grow(by count: Int) -> Bool {
        let wanted = used.wrappingAdd(count, ordering: .relaxed).newValue - held.load(ordering: .relaxed)
        guard wanted > 0 else { return true }
        for bytes in [max(wanted, Self.step), wanted] where budget.take(bytes, taker) {
            held.wrappingAdd(bytes, ordering: .relaxed)
            return true
        }
        return false
    }
}
