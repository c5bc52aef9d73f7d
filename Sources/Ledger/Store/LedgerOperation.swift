// What the ledger's one writer does, and what came of it. `LedgerWriter` groups the operations of many callers.
package import Admission

/// An entry to add, and the drop that it accepts if there is one. An object: it goes from the receiver to the writer and on to the
/// stager, and each copy of its many members would cost.
package final class LedgerAppend: Sendable {
    package let attempt: Attempt
    package let drop: DropRegistration?

    package init(_ attempt: Attempt, drop: DropRegistration?) {
        self.attempt = attempt
        self.drop = drop
    }

    /// Bytes of the body that the store is to keep.
    var bodyBytes: Int { drop?.content.body?.count ?? 0 }
}

/// What is large and rare is indirect: each operation takes as much room as the largest, and most are appends.
package enum LedgerOperation: Sendable {
    /// Adds an entry, and the drop that it accepts if there is one. Outcome: `.appended`.
    case append(LedgerAppend)
    /// Adds an entry and makes the change that it tells of. Outcome: `.appended`, or `.changed(false)` when the
    /// drop is not in the state that the change is from.
    indirect case change(Attempt, DropChange)
    /// Carries out appends and changes of different drops, or none of them when a drop is not in the state that its change is from.
    /// Outcome: `.together`, or `.changed(false)`.
    case together([LedgerOperation])
    /// The sender's modification time of an upload, in seconds since the epoch, came after the upload.
    case dated(id: String, modified: Int64)
    /// A drop that was held may be released. Outcome: `.changed(false)` when it is not held.
    case letGo(id: String)
    /// The bytes of a withdrawn drop are in quarantine.
    case quarantined(id: String)
    /// These drops now lie under `ready/` at these paths; their bodies may go. One that is not pending is left alone. Outcome:
    /// `.released`.
    case released([(id: String, readyPath: String)], at: Instant)
    /// Found gone from these paths under `ready/`, at this time: consumers have taken these drops. One that is in another
    /// state or place by now is left alone.
    case taken([(id: String, readyPath: String)], at: Instant)
    /// Taken drops that lie under `ready/` again: they are released, as before.
    case returned([(id: String, readyPath: String)])
    /// The consumer is done with this drop. Outcome: `.changed(false)` when there is no such released or taken drop.
    case acknowledge(id: String, at: Instant)
    /// The receipt of this drop was removed by retention.
    case forgotten(id: String)
    /// Signs the head of the tree as it stands after the operations before this one. Outcome: `.checkpointed`.
    indirect case checkpoint(NoteSigner)
    /// A witness has taken the checkpoint of this size.
    indirect case witnessed(name: String, size: Int64, at: Instant)
    /// The bytes of these entries lie in a segment file, checked and durable.
    indirect case sealed(LedgerSegment)
    /// Takes the bytes of sealed entries below `seq` out of the store, at most `limit` entries at once. Outcome:
    /// `.changed(false)` when none was left.
    case clearSealed(below: Int64, limit: Int)
    /// Adds the entry that records the removal of this segment's file by retention, and marks the segment as removed by it: the
    /// file may go now. Outcome: `.appended`, or `.changed(false)` when its removal is recorded already.
    indirect case segmentRemoved(LedgerSegment)
    /// Writes something that is there already: it shows whether the ledger can be written. Outcome: `.changed(true)`.
    case touch

    package static func append(_ attempt: Attempt, drop: DropRegistration?) -> LedgerOperation {
        .append(LedgerAppend(attempt, drop: drop))
    }
}

package enum LedgerOutcome: Sendable {
    case appended(AppendedEntry)
    /// Of each operation, in their order.
    case together([AppendedEntry])
    case changed(Bool)
    /// How many drops were pending and are released now.
    case released(events: Int, uploads: Int)
    /// nil for a ledger without entries.
    indirect case checkpointed(SignedCheckpoint?)

    /// Whether something was written. What found nothing to change says nothing of the disk.
    var isWritten: Bool {
        switch self {
        case .appended, .together: true
        case .changed(let isChanged): isChanged
        case .released(let events, let uploads): events + uploads > 0
        case .checkpointed(let signed): signed != nil
        }
    }
}

/// What became of an append. An object: it goes from the writer back to the receiver and on to the stager.
package final class AppendedEntry: Sendable {
    package let seq: Int64
    package let time: Instant
    /// Set when the append brought a drop and the drop is new (or a kept repeat).
    package let drop: DropRecord?
    /// The earlier drop with the same repeat key.
    package let repeats: String?
    /// An earlier drop with the same event identity and another body.
    package let sameEvent: String?

    package init(
        seq: Int64, time: Instant, drop: DropRecord? = nil, repeats: String? = nil, sameEvent: String? = nil
    ) {
        self.seq = seq
        self.time = time
        self.drop = drop
        self.repeats = repeats
        self.sameEvent = sameEvent
    }
}
