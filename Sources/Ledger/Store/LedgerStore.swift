// What a ledger must be able to do, whatever keeps it: the seam for another database (design section 10).
// Every implementation passes the conformance suite in Tests/LedgerTests. The store knows nothing of waiting
// callers; `LedgerWriter` groups their operations.
package import Admission

/// Registers something accepted in the same transaction as its entry.
package struct DropRegistration: Sendable {
    package enum Content: Sendable {
        /// A webhook's body, kept in the store until it lies in `ready/`.
        case body([UInt8])
        /// An uploaded file that waits at this path, relative to the staging directory.
        case incoming(String)
        /// An uploaded file, kept in the store until it lies in `ready/`; before that it is written to this path, relative to
        /// the staging directory.
        case upload([UInt8], incoming: String)

        /// What the store keeps.
        package var body: [UInt8]? {
            switch self {
            case .body(let body), .upload(let body, _): body
            case .incoming: nil
            }
        }

        /// Where an uploaded file waits, or will; nil for a webhook.
        package var incoming: String? {
            switch self {
            case .incoming(let path), .upload(_, let path): path
            case .body: nil
            }
        }
    }

    package var id: String
    package var content: Content
    /// SHA-256 of what makes a repeat of this drop (32 bytes).
    package var repeatKey: [UInt8]
    /// SHA-256 of the event's identity without its body; nil when it has none.
    package var eventKey: [UInt8]?
    /// The keys that an earlier version gave the same drop: a repeat of what it accepted is found by them. Nothing is stored
    /// under them, and only ledgers of earlier formats are searched by them.
    package var formerKeys: (repeatKey: [UInt8], eventKey: [UInt8]?)?
    /// What a repeat becomes: an entry without a drop (webhooks), or a drop that is marked (files).
    package var keepsRepeats: Bool
    /// How old the drop may be that this one repeats, by the times of their entries; nil: any age. Of a sealed one the last
    /// time of its segment counts.
    package var repeatsWithin: Duration?
    /// The path under `ready/`, given the time that the entry gets.
    package var readyPath: @Sendable (Instant) -> String
    /// The name that its sender knows it by; nil for events.
    package var name: String?
    /// How long it settles before it is released; nil: it is released at once.
    package var settle: Duration?

    /// A `settle` of a drop that is held: it is released when it is said that it may be (`LedgerOperation.letGo`).
    package static let held = Duration.seconds(Int64.max)

    package init(
        id: String, content: Content, repeatKey: [UInt8], eventKey: [UInt8]?, keepsRepeats: Bool,
        repeatsWithin: Duration? = nil, name: String? = nil, settle: Duration? = nil,
        formerKeys: (repeatKey: [UInt8], eventKey: [UInt8]?)? = nil,
        readyPath: @escaping @Sendable (Instant) -> String
    ) {
        self.id = id
        self.content = content
        self.repeatKey = repeatKey
        self.eventKey = eventKey
        self.keepsRepeats = keepsRepeats
        self.repeatsWithin = repeatsWithin
        self.name = name
        self.settle = settle
        self.formerKeys = formerKeys
        self.readyPath = readyPath
    }
}

/// What becomes of a drop and has an entry of its own: what the sender of an uploaded file changes for as long as nobody has
/// taken it, and that its consumer is done with it.
package struct DropChange: Sendable {
    package enum Kind: Sendable {
        /// It has another name from now on, and is to be released under it at `due`: pending again.
        case renamed(name: String, readyPath: String, incoming: String, due: Instant)
        /// It is not to be released, or is released no more. Its bytes lie at `incoming` until they are in
        /// quarantine. It may come again (`due` is `DropRecord.never` until then) when another gate that had it no more has it again.
        case withdrawn(incoming: String, mayComeAgain: Bool = false)
        /// Its consumer is done with it.
        case acknowledged(at: Instant)
        /// It will never be released by itself: its file is gone from `incoming/`.
        case lost
    }

    package var id: String
    /// The state that it must be in, pending, released or taken, or withdrawn for one that comes again; else nothing is changed and
    /// no entry is written.
    package var from: DropState
    package var kind: Kind

    package init(id: String, from: DropState, kind: Kind) {
        self.id = id
        self.from = from
        self.kind = kind
    }
}

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
    /// Retention is about to remove the file of this segment; its entry comes with the operation before.
    case segmentRemoved(number: Int64, entry: Int64)
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

/// What keeps a ledger, for the process that holds its lock.
///
/// - **Threads**: `commit` is called by one thread at a time (`LedgerWriter`), and may be called on different ones. All other
///   methods may be called by any thread, beside a commit; they may wait for it. Every call blocks.
/// - **Order**: entries are numbered from 0 without a gap, in the order of the operations; their times rise strictly. What a
///   commit has returned is what every later read sees.
/// - **Clock**: an entry whose time is ahead of `now`, because the clock was set back, tells `now` beside it (`clock`), and
///   `LedgerReading.clockSetBacks` names it.
/// - **Durability**: a commit that has returned survives a crash of the process and of the machine. One that throws has left
///   nothing behind.
/// - **Errors**: `LedgerError`, `.unwritable` from a commit and `.unreadable` from a read.
package protocol LedgerStore: AnyObject, Sendable {
    /// Carries out all operations in one durable transaction: all of them or, when it throws, none.
    func commit(_ operations: [LedgerOperation], now: Instant) throws -> [LedgerOutcome]

    /// The number of entries.
    func size() throws -> Int64

    /// The time of the newest entry; nil for an empty ledger. It may lie ahead of the clock, after that was set back.
    func lastTime() throws -> Instant?

    /// The root of the Merkle tree over the first `size` entries; `size` of the ledger or less.
    func root(size: Int64) throws -> MerkleHash

    /// Drops that are committed and not released, oldest first, with a seq above `after`: at most `limit`, and no more once their
    /// bodies have `LedgerLimits.pendingBytes`. Empty only when there is none. One that was released and is pending again may have
    /// an entry that was sealed meanwhile.
    func pendingDrops(after seq: Int64, limit: Int) throws -> [PendingDrop]
    /// As `pendingDrops`, uploads alone: however many events wait, none of their bodies is read.
    func pendingUploads(after seq: Int64, limit: Int) throws -> [PendingDrop]
    /// What the store keeps of the drop with this number until it is released: a webhook's body, or a small upload; nil when it
    /// keeps nothing of it.
    func body(seq: Int64) throws -> [UInt8]?

    /// How many webhooks are committed and not released.
    func pendingEvents() throws -> Int

    /// Drops in this state, oldest first, with a seq above `after`.
    func drops(in state: DropState, after seq: Int64, limit: Int) throws -> [DropRecord]

    /// Drops that have been in this state since before `instant`, those that came to it first, and those of one moment by
    /// their seq; only those behind `after` in that order. Costs what it gives, however many are in the state.
    func drops(
        _ end: DropEnd, before instant: Instant, after drop: DropRecord?, limit: Int
    ) throws -> [DropRecord]

    /// Drops in this state, which is another one than released, newest first.
    func newestDrops(in state: DropState, limit: Int) throws -> [DropRecord]

    /// The drop with this id, or nil.
    func drop(id: String) throws -> DropRecord?

    /// The newest uploaded file that was given this path under `ready/`, or nil. Names come back: once a file
    /// was taken, the next one of that name gets the same path.
    func newestUpload(readyPath: String) throws -> DropRecord?

    /// The newest uploaded files that were given these paths, with their entries' canonical bytes; nil of one whose entry was sealed,
    /// which is in no hurry to be read (`entry`). A path without a file is left out.
    func newestUploads(readyPaths: [String]) throws -> [(record: DropRecord, entry: [UInt8]?)]

    /// The canonical bytes of an entry, also of one that was sealed; nil when there is none of this number, or none any more.
    func entry(seq: Int64) throws -> [UInt8]?

    /// Withdrawn drops whose bytes are not known to be in quarantine, oldest first.
    func withdrawnDrops() throws -> [(record: DropRecord, entry: [UInt8])]

    /// The last use of a store: it brings everything into the one file, unless somebody is reading. Every later call fails. Without it
    /// that is done when the last who holds the store lets go of it, or when the ledger is opened the next time.
    func close()
}

/// The ledger could not be opened, read or written.
package struct LedgerError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        case locked, unreadable, unwritable, newer
        /// Of an earlier format: opening it for writing brings it up to date.
        case older
        /// More waits to be written than may wait: try again.
        case busy
        /// Fewer entries than somebody has seen signed.
        case rolledBack
        /// Other entries than somebody has seen signed.
        case forked
        /// The ledger's file is gone, and what lies beside it shows that there was one.
        case missing
        /// What lies in the ledger's place is no ledger.
        case foreign
    }

    package let code: Code
    /// What is wrong: one line for people.
    package let message: String
    /// What can be done next; nil where the message says all there is to say.
    package let fix: String?
    /// Whether it may pass by itself, so that it is worth trying again: its disk is full or fails, or another process holds it.
    package let mayPass: Bool

    package init(_ code: Code, _ message: String, fix: String? = nil, mayPass: Bool = false) {
        self.code = code
        self.message = message
        self.fix = fix
        self.mayPass = mayPass
    }

    /// The message and the fix on one line.
    package var description: String { fix.map { "\(message); \($0)" } ?? message }
}
