// The boxes that are in memory: made when somebody needs one, kept while somebody does and for a while after.
import Synchronization

final class SenderBoxes: Sendable {
    private struct Kept {
        var box: SenderBox
        var used: ContinuousClock.Instant
    }

    private let kept = Mutex<[String: Kept]>([:])

    /// The box of an account; `load` makes it, once, when it is not there.
    func box(of account: String, load: () throws -> SenderBox) rethrows -> SenderBox {
        try kept.withLock { kept in
            let box = try kept[account]?.box ?? load()
            kept[account] = Kept(box: box, used: .now)
            return box
        }
    }

    /// A drop waits for nobody any more.
    func forget(drop: String) {
        let boxes = kept.withLock { $0.values.map(\.box) }
        for box in boxes { box.state.withLock { _ = $0.tree.remove(drop) } }
    }

    /// Lets go of boxes that nobody else holds and nothing settles in.
    func forget(unusedFor age: Duration) {
        kept.withLock { kept in
            for account in Array(kept.keys) {
                guard var entry = kept.removeValue(forKey: account) else { continue }
                // Unique: held by this table alone, from which every user has taken it.
                let isIdle =
                    entry.used.duration(to: .now) > age && isKnownUniquelyReferenced(&entry.box)
                    && entry.box.state.withLock { $0.settling.isEmpty }
                if !isIdle { kept[account] = entry }
            }
        }
    }
}
