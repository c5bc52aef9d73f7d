// Last contacts for whoever asks again and again: what was found before stays true, and only newer entries are looked at.
package import Admission
import Synchronization

package final class ContactMemory: Sendable {
    private struct Key: Hashable {
        let entry: String
        let block: CIDRBlock
        let channel: Channel
    }

    private struct Known {
        /// Entries below it were looked at.
        var end: Int64
        var last: Instant?
    }

    /// Lists change, and nobody asks for entries that are gone.
    private static let most = 4096

    private let known = Mutex<[Key: Known]>([:])

    package init() {}

    /// As `LedgerReading.lastContact`, of one and the same ledger.
    package func last(
        _ entry: SourceEntry, on channel: Channel, in reader: any LedgerReading
    ) throws -> Instant? {
        let key = Key(entry: entry.id, block: entry.cidr, channel: channel)
        let before = known.withLock { $0[key] }
        // What comes meanwhile is looked at again.
        let end = try reader.size()
        let found = try reader.lastContact(entry, on: channel, above: before.map { $0.end - 1 })
        let last = found ?? before?.last
        known.withLock { known in
            if known.count >= Self.most, known[key] == nil { known.removeAll() }
            known[key] = Known(end: end, last: last)
        }
        return last
    }
}
