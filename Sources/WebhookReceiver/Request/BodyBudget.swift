// Bounds the memory of all bodies that are being read or committed at once, and of those of one source. Limits of
// connections and of one body alone would still allow their product.
import Admission
import Synchronization

final class BodyBudget: Sendable {
    private let shares: Mutex<FairShares>

    /// Room for `limit` bytes, and for at least two bodies of the largest size. One source has half of it.
    init(limit: Int = 256 << 20, largestBody: Int) {
        let (two, overflow) = largestBody.multipliedReportingOverflow(by: 2)
        let total = max(limit, overflow ? .max : two)
        shares = Mutex(FairShares(total: total, perSource: total / 2))
    }

    /// Takes room for some more bytes; false when there is none.
    func take(_ bytes: Int, _ taker: FairShares.Taker) -> Bool { shares.withLock { $0.take(bytes, taker) } }

    func giveBack(_ bytes: Int, _ taker: FairShares.Taker) { shares.withLock { $0.giveBack(bytes, taker) } }

    /// Bytes taken now.
    var taken: Int { shares.withLock { $0.used } }
}
