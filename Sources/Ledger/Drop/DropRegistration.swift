// What is accepted, and what becomes of it later: the changes of the ledger that have entries of their own.
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
