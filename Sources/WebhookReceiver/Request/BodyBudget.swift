// Bounds the memory of all bodies that are being read or committed at once. Limits of connections and of one body
// alone would still allow their product.
import Synchronization

final class BodyBudget: Sendable {
    private let limit: Int
    private let used = Atomic(0)

    /// Room for `limit` bytes, and for at least two bodies of the largest size.
    init(limit: Int = 256 << 20, largestBody: Int) {
        let (two, overflow) = largestBody.multipliedReportingOverflow(by: 2)
        self.limit = max(limit, overflow ? .max : two)
    }

    /// Takes room for some more bytes; false when there is none.
    func take(_ bytes: Int) -> Bool {
        let (_, after) = used.wrappingAdd(bytes, ordering: .relaxed)
        guard after > limit else { return true }
        used.wrappingSubtract(bytes, ordering: .relaxed)
        return false
    }

    func giveBack(_ bytes: Int) { used.wrappingSubtract(bytes, ordering: .relaxed) }

    /// Bytes taken now.
    var taken: Int { used.load(ordering: .relaxed) }
}
