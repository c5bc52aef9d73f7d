// The boxes that are in memory: made when somebody needs one, kept while somebody does and for a while after.
import Synchronization

final class SenderBoxes: Sendable {
    /// One account's place. Its lock is held while its box is made, so that another account need not wait for that.
    private final class Place: Sendable {
        let box = Mutex<SenderBox?>(nil)
    }

    private struct Kept {
        var place = Place()
        var used = ContinuousClock.now
    }

    private let kept = Mutex<[String: Kept]>([:])

    /// The box of an account; `load` makes it, once, when it is not there.
    func box(of account: String, load: () throws -> SenderBox) rethrows -> SenderBox {
        let place = kept.withLock { kept in
            kept[account, default: Kept()].used = .now
            return kept[account, default: Kept()].place
        }
        return try place.box.withLock { box in
            let found = try box ?? load()
            box = found
            return found
        }
    }

    /// A drop waits for nobody any more.
    func forget(drop: String) {
        let places = kept.withLock { $0.values.map(\.place) }
        for place in places {
            let box = place.box.withLock { $0 }
            box?.state.withLock { _ = $0.tree.remove(drop) }
        }
    }

    /// Lets go of boxes that nobody else holds and nothing settles in.
    func forget(unusedFor age: Duration) {
        kept.withLock { kept in
            for (account, entry) in kept where entry.used.duration(to: .now) > age {
                let isIdle = entry.place.box.withLock { box in
                    guard box != nil else { return true }
                    // Unique: held by its place alone, from which every user has taken it.
                    guard isKnownUniquelyReferenced(&box) else { return false }
                    return box?.state.withLock { $0.settling.isEmpty } ?? true
                }
                if isIdle { kept[account] = nil }
            }
        }
    }
}
