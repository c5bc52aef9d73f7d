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
        let (released, pending) = try reader.released(
            above: position.last, limit: Self.page, pending: StreamPosition.mostOpen + 1)
        guard !late.isEmpty || !released.isEmpty else { return [] }
        let look = try ReadyLook(settings, reader)
        return try give(late, look) + give(released, pending, look)
    }

    /// Those that had been left out, and are released by now. What was withdrawn for good, lost or taken instead is waited for no more.
    private mutating func give(
        _ late: [DropRecord], _ look: ReadyLook
    ) throws -> [(DropView, StreamPosition)] {
        var found: [(DropView, StreamPosition)] = []
        for record in late where record.state != .pending {
            let view = try view(record, look)
            let mayCome = record.state == .released || record.mayComeAgain
            if view == nil, mayCome, position.open.count <= Self.mostAway { continue }
            position.give(record.seq, pending: [])
            if let view { found.append((view, position)) }
        }
        return found
    }

    /// - Parameter pending: drops that are not released yet, ascending: one more at the least than may be left out, where there are so many.
    private mutating func give(
        _ released: [DropRecord], _ pending: [Int64], _ look: ReadyLook
    ) throws -> [(DropView, StreamPosition)] {
        var found: [(DropView, StreamPosition)] = []
        var away: [Int64] = []
        for record in released {
            let room = StreamPosition.mostOpen - position.open.count
            let between = pending.count { $0 > position.last && $0 < record.seq }
            if between > room { break }
            guard let view = try view(record, look) else {
                away.append(record.seq)
                continue
            }
            let kept = away.suffix(min(room - between, Self.mostAway))
            position.give(record.seq, pending: (pending + kept).sorted())
            found.append((view, position))
            away = []
        }
        // The newest that are away are looked at again.
        if let passed = away.dropLast(Self.mostAway).last { position.give(passed, pending: pending) }
        return found
    }

    /// A released drop whose file is not there has been taken, as a rule. But its sender may be renaming it at this moment, or a consumer
    /// puts it back: until the ledger says that it was taken it is left out, and not passed over, as long as there are not more of them.
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
