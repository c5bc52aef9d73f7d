// Keeps disk space back: below the reserve nothing is accepted, and before that, rejections stop to cost
// an entry each.
import Staging
import Synchronization

/// Watches free bytes and inodes of staging and of the ledger's directory. Asks the system at most twice a
/// second, so it may stand on the hot path.
final class SpaceGuard: Sendable {
    enum Level: Sendable, Equatable {
        case enough
        /// Less than twice the reserve: rejections are coalesced from the first.
        case tight
        /// Below the reserve; the text says what and where.
        case exhausted(String)
    }

    private struct State {
        var level = Level.enough
        var asked: ContinuousClock.Instant?
    }

    /// With the word that figures call each by.
    private let directories: [(name: String, directory: Directory)]
    private let reserveBytes: Int64
    private let reserveInodes: Int64
    private let state = Mutex(State())

    init(directories: [(name: String, directory: Directory)], reserveBytes: Int64, reserveInodes: Int64) {
        self.directories = directories
        self.reserveBytes = reserveBytes
        self.reserveInodes = reserveInodes
    }

    var level: Level {
        let now = ContinuousClock.now
        return state.withLock { state in
            if let asked = state.asked, now - asked < .milliseconds(500) { return state.level }
            state.level = measure()
            state.asked = now
            return state.level
        }
    }

    /// What each directory's filesystem has free now, for those that can be asked.
    func free() -> [(name: String, space: (bytes: Int64, inodes: Int64))] {
        directories.compactMap { name, directory in
            (try? directory.space()).map { (name, (Int64($0.bytes), Int64($0.inodes))) }
        }
    }

    private func measure() -> Level {
        var level = Level.enough
        for (_, directory) in directories {
            guard let space = try? directory.space() else {
                return .exhausted("the free space of \(directory.path) cannot be read")
            }
            if space.bytes < reserveBytes {
                return .exhausted(
                    "\(directory.path) has \(space.bytes) bytes free, \(reserveBytes) are kept back")
            }
            if space.inodes < reserveInodes {
                return .exhausted(
                    "\(directory.path) has \(space.inodes) inodes free, \(reserveInodes) are kept back")
            }
            if space.bytes / 2 < reserveBytes || space.inodes / 2 < reserveInodes { level = .tight }
        }
        return level
    }
}
