// What the receiver of webhooks hands to the stager: an accepted event in memory, which need not be read back from the ledger.
import Ledger
import Staging

/// A webhook whose entry is durable. An object: many wait at times, and what waits is moved and copied with each batch.
final class CommittedEvent: Sendable {
    private let appended: LedgerAppend
    private let body: [UInt8]
    let entry: AppendedEntry
    private let record: DropRecord

    init(_ appended: LedgerAppend, body: [UInt8], entry: AppendedEntry, record: DropRecord) {
        self.appended = appended
        self.body = body
        self.entry = entry
        self.record = record
    }

    /// What it takes of memory, about: 20,000 events with bodies of 461 bytes took 3,193 bytes each.
    var size: Int { body.count + 2800 }

    var release: WebhookRelease {
        WebhookRelease(
            readyPath: record.readyPath, body: body,
            receipt: Receipt(AcceptedEntry(appended.attempt, entry), drop: record))
    }
}
