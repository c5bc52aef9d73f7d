// How many streams there are: each keeps a connection and looks into the ledger. One caller's leave room for others.
import Synchronization

final class StreamPlaces: Sendable {
    static let most = 64
    static let mostOfOne = 16
    /// Of one browser: pages that were left do not tell, so the newest ones count.
    static let mostOfBrowser = 6

    /// One stream's place, until it is let go of, whatever becomes of its answer.
    final class Place: Sendable {
        private let places: StreamPlaces
        private let mark: Mark

        fileprivate init(_ places: StreamPlaces, _ mark: Mark) {
            self.places = places
            self.mark = mark
        }

        /// Another stream has it: this one is to end.
        var isTaken: Bool { mark.isTaken }

        deinit { places.giveBack(mark) }
    }

    /// What is known of a place here. The place itself is not held, not even for a moment: where that were the last hold on it, it would
    /// be given back under the lock that is held.
    fileprivate final class Mark: Sendable {
        let holder: String
        private let taken = Mutex(false)

        init(_ holder: String) { self.holder = holder }

        var isTaken: Bool { taken.withLock(\.self) }

        func take() { taken.withLock { $0 = true } }
    }

    /// The oldest first.
    private let kept = Mutex<[Mark]>([])

    /// nil: there is none, or none for this holder of a token.
    func place(for holder: String) -> Place? {
        let mark = kept.withLock { kept -> Mark? in
            guard kept.count < Self.most, kept.count(where: { $0.holder == holder }) < Self.mostOfOne else {
                return nil
            }
            return add(holder, &kept)
        }
        return mark.map { Place(self, $0) }
    }

    /// A place for a page of a browser, which may be that of its oldest page. nil: others have all.
    func place(forBrowser session: String) -> Place? {
        let mark = kept.withLock { kept -> Mark? in
            let own = kept.filter { $0.holder == session && !$0.isTaken }
            if own.count >= Self.mostOfBrowser { own.first?.take() }
            // Those that are to end hold theirs for a moment.
            guard kept.count(where: { !$0.isTaken }) < Self.most, kept.count < Self.most * 2 else {
                return nil
            }
            return add(session, &kept)
        }
        return mark.map { Place(self, $0) }
    }

    private func add(_ holder: String, _ kept: inout [Mark]) -> Mark {
        let mark = Mark(holder)
        kept.append(mark)
        return mark
    }

    private func giveBack(_ mark: Mark) { kept.withLock { $0.removeAll { $0 === mark } } }
}
