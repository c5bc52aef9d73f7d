// Released drops as they come, each once: what a consumer follows. They are given in the order of their entries, but for those that are
// released later than ones behind them. One that was acknowledged or taken meanwhile is left out.
import Ledger
import Settings

package struct DropStream: Sendable {
    private static let page = 200

    private let settings: GateSettings
    private let reader: any LedgerReading
    /// Where to go on.
    package private(set) var position: StreamPosition

    /// - Parameter after: goes on behind it; nil: begins with the oldest drop that waits.
    init(_ settings: GateSettings, after: StreamPosition?) throws {
        self.settings = settings
        reader = try settings.ledgerHandle.reader()
        position = after ?? .beginning
    }

    /// What is there now and was not given before, each with the position behind it: at most a page, and none where nothing is.
    package mutating func next() throws -> [(drop: DropView, position: StreamPosition)] {
        let late = position.open.isEmpty ? [] : try reader.drops(seqs: position.open)
        position.open.removeAll { seq in !late.contains { $0.seq == seq } }
        let (released, waiting, away) = try reader.released(
            above: position.last, limit: Self.page, waiting: StreamPosition.mostOpen + 1,
            away: Self.mostAway)
        guard !late.isEmpty || !released.isEmpty else { return [] }
        let look = try ReadyLook(settings, reader)
        let leftOut = late.filter { $0.state == .pending }.map(\.seq)
        let absent = Set(late.filter { $0.state == .released }.map(\.seq))
        return try give(late, look)
            + give(released, waiting: leftOut + waiting, away: away, absent: absent, look)
    }

    /// Those that had been left out, and are released by now. What was withdrawn for good, lost or taken instead is waited for no
    /// more, and of what is away only the newest is.
    private mutating func give(
        _ late: [DropRecord], _ look: ReadyLook
    ) throws -> [(DropView, StreamPosition)] {
        var back: [(seq: Int64, view: DropView)] = []
        var (away, done): ([Int64], [Int64]) = ([], [])
        for record in late where record.state != .pending {
            if let view = try view(record, look) {
                back.append((record.seq, view))
            } else if record.state == .released || record.mayComeAgain {
                away.append(record.seq)
            } else {
                done.append(record.seq)
            }
        }
        done += away.dropLast(Self.mostAway)
        position.open.removeAll { done.contains($0) }
        var found: [(DropView, StreamPosition)] = []
        for (seq, view) in back {
            position.give(seq, pending: [])
            found.append((view, position))
        }
        return found
    }

    /// - Parameters:
    ///   - waiting: drops that are not released yet, those that were left out before among them, ascending: where there are so
    ///     many, one more at the least than may be left out.
    ///   - away: the newest of those that were withdrawn and may come again.
    ///   - absent: released drops among those that were left out before.
    private mutating func give(
        _ released: [DropRecord], waiting: [Int64], away: [Int64], absent: Set<Int64>, _ look: ReadyLook
    ) throws -> [(DropView, StreamPosition)] {
        var found: [(DropView, StreamPosition)] = []
        var away = Away(Set(away + position.open).subtracting(waiting), absent: absent)
        // Not in `ready/`, behind the last that was given.
        var unseen: [Int64] = []
        for record in released {
            // What is passed over and not remembered is lost to this consumer, and what waits is released, as a rule: where more
            // wait than can be remembered, those behind them have to wait, too. Drops on their way go by themselves; of pulled
            // ones that are held for long the health problem `pull` tells the operator, who decides.
            guard waiting.count(where: { $0 < record.seq }) <= StreamPosition.mostOpen else { break }
            guard let view = try view(record, look) else {
                unseen.append(record.seq)
                away.insert(absent: record.seq)
                continue
            }
            pass(to: record.seq, waiting: waiting, away: away)
            found.append((view, position))
            unseen = []
        }
        // The newest of them are looked at again.
        if let passed = unseen.dropLast(Self.mostAway).last {
            away.remove(unseen)
            pass(to: passed, waiting: waiting, away: away)
        }
        return found
    }

    /// Drops that may come, and hold up nobody.
    private struct Away {
        private var withdrawn: Set<Int64>
        private var absent: Set<Int64>

        init(_ all: Set<Int64>, absent: Set<Int64>) {
            withdrawn = all.subtracting(absent)
            self.absent = all.intersection(absent)
        }

        mutating func insert(absent seq: Int64) {
            withdrawn.remove(seq)
            absent.insert(seq)
        }

        mutating func remove(_ seqs: [Int64]) { absent.subtract(seqs) }

        /// The newest before a drop, ascending. Where there is not room for all, either kind has half of it: many are absent for a
        /// moment where consumers take files, and many that were withdrawn stay so.
        func newest(before seq: Int64, room: Int) -> [Int64] {
            let (withdrawn, absent) = (
                withdrawn.filter { $0 < seq }.sorted(), absent.filter { $0 < seq }.sorted()
            )
            let first = withdrawn.suffix(room - min(absent.count, room / 2))
            return (first + absent.suffix(room - first.count)).sorted()
        }
    }

    /// Leaves out all that wait before a drop, and in the room that is left the newest that are away, which hold up nobody.
    private mutating func pass(to seq: Int64, waiting: [Int64], away: Away) {
        let before = waiting.filter { $0 < seq }
        let room = min(StreamPosition.mostOpen - before.count, Self.mostAway)
        let open = (before + away.newest(before: seq, room: room)).sorted()
        position.open.removeAll { !open.contains($0) }
        position.give(seq, pending: open)
    }

    /// A released drop whose file is not there has been taken, as a rule. But its sender may be renaming it at this moment, or a
    /// consumer puts it back. A pulled drop that was withdrawn, as the other gate had it no more, does not come again, as a rule,
    /// but it may. So many of both are left out, and not passed over, until the ledger says more of them; older ones are forgotten.
    private static let mostAway = StreamPosition.mostOpen / 2

    /// nil: it does not lie in `ready/`.
    private func view(_ record: DropRecord, _ look: ReadyLook) throws -> DropView? {
        guard record.state == .released, try look.place(of: record) != .taken else { return nil }
        let view = try DropView(record, reader, look)
        return view.state == "\(DropState.released)" ? view : nil
    }
}

extension DropService {
    /// - Parameter after: as of `DropStream`. Throws where the ledger cannot be read.
    package func stream(after: StreamPosition?) throws -> DropStream {
        try DropStream(settings, after: after)
    }
}
