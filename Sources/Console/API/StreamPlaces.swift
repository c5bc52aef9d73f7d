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
        fileprivate let holder: String
        private let taken = Mutex(false)

        fileprivate init(_ places: StreamPlaces, _ holder: String) {
            self.places = places
            self.holder = holder
        }

        /// Another stream has it: this one is to end.
        var isTaken: Bool { taken.withLock(\.self) }

        fileprivate func take() { taken.withLock { $0 = true } }

        deinit { places.giveBack(ObjectIdentifier(self)) }
    }

    private struct Kept {
        let id: ObjectIdentifier
        let holder: String
        weak var place: Place?
    }

    /// The oldest first.
    private let kept = Mutex<[Kept]>([])

    /// nil: there is none, or none for this holder of a token.
    func place(for holder: String) -> Place? {
        kept.withLock { kept in
            guard kept.count < Self.most, kept.count(where: { $0.holder == holder }) < Self.mostOfOne else {
                return nil
            }
            return add(holder, &kept)
        }
    }

    /// A place for a page of a browser, which may be that of its oldest page. nil: others have all.
    func place(forBrowser session: String) -> Place? {
        kept.withLock { kept in
            let own = kept.filter { $0.holder == session && $0.place?.isTaken == false }
            if own.count >= Self.mostOfBrowser { own.first?.place?.take() }
            // Those that are to end hold theirs for a moment.
            guard kept.count(where: { $0.place?.isTaken == false }) < Self.most,
                kept.count < Self.most * 2
            else { return nil }
            return add(session, &kept)
        }
    }

    private func add(_ holder: String, _ kept: inout [Kept]) -> Place {
        let place = Place(self, holder)
        kept.append(Kept(id: ObjectIdentifier(place), holder: holder, place: place))
        return place
    }

    private func giveBack(_ id: ObjectIdentifier) { kept.withLock { $0.removeAll { $0.id == id } } }
}
