// Divides something that is bounded among those who ask for it, so that nobody takes what is another's: connections, and
// bytes of bodies. Pure.

package struct FairShares: Sendable {
    /// Who takes: nil for a trusted proxy that has not said for whom it calls.
    package struct Taker: Sendable, Hashable {
        package var source: IPAddress?
        package var isListed: Bool

        package static let proxy = Taker(source: nil, isListed: true)

        package init(source: IPAddress?, isListed: Bool) {
            self.source = source
            self.isListed = isListed
        }

        package init(_ decision: Decision) {
            self.init(source: decision.source?.ip, isListed: decision.isAdmitted)
        }
    }

    /// All unlisted sources together have one part of so many.
    static let unlistedPart = 8
    /// The last part of so many is for sources that have little: whoever has much leaves it to the others.
    static let lastPart = 8
    /// What little is: one part of so many.
    static let little = 64

    private let total: Int
    private let perSource: Int
    package private(set) var used = 0
    private var usedByUnlisted = 0
    private var bySource: [IPAddress: Int] = [:]

    /// `perSource`: what one source may take at the most.
    package init(total: Int, perSource: Int) {
        self.total = total
        self.perSource = perSource
    }

    /// False when there is nothing left, or nothing for this one; nothing is taken then.
    package mutating func take(_ count: Int, _ taker: Taker) -> Bool {
        guard count <= total - used else { return false }
        if !taker.isListed, count > max(1, total / Self.unlistedPart) - usedByUnlisted { return false }
        guard let source = taker.source else {
            add(count, taker)
            return true
        }
        let own = bySource[source, default: 0]
        guard count <= perSource - own else { return false }
        if used + count > total - total / Self.lastPart, own + count > max(1, total / Self.little) {
            return false
        }
        add(count, taker)
        return true
    }

    package mutating func giveBack(_ count: Int, _ taker: Taker) { add(-count, taker) }

    /// What `old` took is `new`'s from now on; false when `new` may not have it: it stays `old`'s.
    package mutating func move(_ count: Int, from old: Taker, to new: Taker) -> Bool {
        giveBack(count, old)
        if take(count, new) { return true }
        add(count, old)
        return false
    }

    private mutating func add(_ count: Int, _ taker: Taker) {
        used += count
        if !taker.isListed { usedByUnlisted += count }
        guard let source = taker.source else { return }
        let own = bySource[source, default: 0] + count
        bySource[source] = own == 0 ? nil : own
    }
}
