// Released drops as they come, each once, in the order of their entries: what a consumer follows. One that was acknowledged or taken
// meanwhile is left out.
import Ledger
import Settings

package struct DropStream: Sendable {
    private static let page = 200

    private let settings: GateSettings
    private let reader: any LedgerReading
    /// The entry of the last drop that was given.
    package private(set) var last: Int64

    /// - Parameter after: begins above this entry; nil: with the oldest drop that waits.
    init(_ settings: GateSettings, after: Int64?) throws {
        self.settings = settings
        reader = try settings.ledgerHandle.reader()
        last = after ?? -1
    }

    /// What is there now and was not given before, oldest first: at most a page, and none where nothing is. A drop that is still to be
    /// released (one that settles) has those behind it wait.
    package mutating func next() throws -> [DropView] {
        let records = try reader.released(above: last, limit: Self.page)
        guard let end = records.last else { return [] }
        let look = try ReadyLook(settings, reader)
        let views = try records.map { try DropView($0, reader, look) }.filter {
            $0.state == "\(DropState.released)"
        }
        last = end.seq
        return views
    }
}

extension DropService {
    /// - Parameter after: as of `DropStream`. Throws where the ledger cannot be read.
    package func stream(after: Int64?) throws -> DropStream { try DropStream(settings, after: after) }
}
