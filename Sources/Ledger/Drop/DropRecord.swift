// A drop as the ledger's store has it, and the states on its way.
package import Admission

/// Where a drop is on its way. Raw values are stored.
package enum DropState: Int, Sendable, CaseIterable {
    /// Committed to the ledger, not yet under `ready/`.
    case pending = 0
    case released = 1
    case acknowledged = 2
    /// Could not be released; see the log and the ledger.
    case lost = 3
    /// Long done: its receipt was removed by retention.
    case forgotten = 4
    /// Taken back by its sender before any consumer took it; its bytes are in quarantine.
    case withdrawn = 5
    /// Released, and gone from `ready/` since: a consumer has it, and has not said that it is done.
    case taken = 6
}

/// States in which a drop waits only for its receipt to be removed.
package enum DropEnd: Sendable, CaseIterable {
    case acknowledged, taken
}

/// A drop as the store knows it.
package struct DropRecord: Sendable, Hashable {
    package var id: String
    package var seq: Int64
    package var state: DropState
    /// Relative to the staging directory; nil for webhooks.
    package var incoming: String?
    /// Relative to `ready/`.
    package var readyPath: String
    package var received: Instant
    package var released: Instant?
    package var acknowledged: Instant?
    /// When it was found gone from `ready/`, which is later than a consumer took it.
    package var taken: Instant?
    /// The name that its sender knows it by, relative to the account; nil for events, and for files of a ledger
    /// before format 3.
    package var name: String?
    /// When a pending upload has settled and is to be released; nil: at once; `never`: it is held.
    package var due: Instant?
    /// The sender's modification time, seconds since the epoch, where it came after the entry.
    package var modified: Int64?

    /// The `due` of a drop that is held.
    package static let never = Instant(microseconds: .max)

    /// Whether it is released only when it is said that it may be.
    package var isHeld: Bool { state == .pending && due == Self.never }

    /// Whether it was withdrawn while it was held, and is taken over again when the other gate has it again.
    package var mayComeAgain: Bool { state == .withdrawn && due == Self.never }

    package init(
        id: String, seq: Int64, state: DropState, incoming: String?, readyPath: String, received: Instant,
        released: Instant? = nil, acknowledged: Instant? = nil, taken: Instant? = nil, name: String? = nil,
        due: Instant? = nil,
        modified: Int64? = nil
    ) {
        self.id = id
        self.seq = seq
        self.state = state
        self.incoming = incoming
        self.readyPath = readyPath
        self.received = received
        self.released = released
        self.acknowledged = acknowledged
        self.taken = taken
        self.name = name
        self.due = due
        self.modified = modified
    }
}

/// A drop that was committed and not yet released: what recovery works from.
package struct PendingDrop: Sendable {
    package var record: DropRecord
    /// The entry's canonical bytes.
    package var entry: [UInt8]
    /// Of a webhook. That of an upload is read when it is to become a file (`LedgerStore.body`).
    package var body: [UInt8]?

    package init(record: DropRecord, entry: [UInt8], body: [UInt8]?) {
        self.record = record
        self.entry = entry
        self.body = body
    }
}
