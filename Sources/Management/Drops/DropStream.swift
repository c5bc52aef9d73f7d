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
        let found = try late() + new()
        guard !found.isEmpty else { return [] }
        let look = try ReadyLook(settings, reader)
        return try found.compactMap { record, position in
            let view = try DropView(record, reader, look)
            return view.state == "\(DropState.released)" ? (view, position) : nil
        }
    }

    /// Those that had been left out, and are released by now. What was withdrawn or lost instead is waited for no more.
    private mutating func late() throws -> [(DropRecord, StreamPosition)] {
        guard !position.open.isEmpty else { return [] }
        var found: [(DropRecord, StreamPosition)] = []
        let records = try reader.drops(seqs: position.open)
        let waiting = Set(records.filter { $0.state == .pending }.map(\.seq))
        position.open.removeAll { seq in !waiting.contains(seq) && !records.contains { $0.seq == seq } }
        for record in records where record.state != .pending {
            position.give(record.seq, pending: [])
            found.append((record, position))
        }
        return found
    }

    private mutating func new() throws -> [(DropRecord, StreamPosition)] {
        let room = StreamPosition.mostOpen - position.open.count
        let (released, pending) = try reader.released(
            above: position.last, limit: Self.page, pending: room + 1)
        var found: [(DropRecord, StreamPosition)] = []
        for record in released {
            if pending.count > room, record.seq > pending[room] { break }
            position.give(record.seq, pending: pending)
            found.append((record, position))
        }
        return found
    }
}

extension DropService {
    /// - Parameter after: as of `DropStream`. Throws where the ledger cannot be read.
    package func stream(after: StreamPosition?) throws -> DropStream {
        try DropStream(settings, after: after)
    }
}
