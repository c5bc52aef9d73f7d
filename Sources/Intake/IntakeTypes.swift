// What receivers give to Intake and get back.
package import Admission

/// A webhook event whose source was admitted and whose checks passed.
package struct WebhookEvent: Sendable {
    /// The request's path with secret parts masked; part of what makes a repeat.
    package var path: String
    /// Exactly as received.
    package var body: [UInt8]
    package var eventID: String?
    package var eventType: String?
    /// `v1`, `v2` or `unrecognised`.
    package var envelope: String
    package var contentType: String?
    /// Its file is named `.json`, and `.bin` otherwise.
    package var looksLikeJSON: Bool
    /// How long after a body that has no event id the same one is a repeat of it; nil: for ever, as with an id.
    package var repeatsWithin: Duration?

    package init(
        path: String, body: [UInt8], eventID: String?, eventType: String?, envelope: String,
        contentType: String?, looksLikeJSON: Bool = true, repeatsWithin: Duration? = nil
    ) {
        self.looksLikeJSON = looksLikeJSON
        self.repeatsWithin = repeatsWithin
        self.path = path
        self.body = body
        self.eventID = eventID
        self.eventType = eventType
        self.envelope = envelope
        self.contentType = contentType
    }
}

/// An upload that is whole and hashed.
package struct FinishedUpload: Sendable {
    package var dropID: String
    package var account: String
    /// As sent, normalised and relative: `dir/name.xml`.
    package var path: String
    package var bytes: Int64
    /// Lower-case hex.
    package var sha256: String
    /// The client's modification time, seconds since the epoch.
    package var modified: Int64?
    /// The temporary name under which it was sent, if that was another one.
    package var uploadedAs: String?
    /// The bytes of a small one; nil: they are a file in `incoming/`, durable.
    package var content: [UInt8]?

    package init(
        dropID: String, account: String, path: String, bytes: Int64, sha256: String,
        modified: Int64?, uploadedAs: String? = nil, content: [UInt8]? = nil
    ) {
        self.content = content
        self.dropID = dropID
        self.account = account
        self.path = path
        self.bytes = bytes
        self.sha256 = sha256
        self.modified = modified
        self.uploadedAs = uploadedAs
    }
}

/// What became of something accepted.
package struct DropOutcome: Sendable, Hashable {
    package enum Status: String, Codable, Sendable {
        case stored, duplicate
        /// Only of an imported drop: committed, and held until the other gate has let go of it.
        case held
        /// Only of an imported drop: committed, and not in `ready/` yet, which is tried again; its file is the only copy.
        case pending
        /// Only of an imported drop: it came here in another way than from the gate that offers it now, which has a copy of its own.
        case own
    }

    /// The drop's id; of a webhook's repeat, that of the drop it repeats.
    package var id: String
    package var status: Status
    /// Relative to `ready/`.
    package var name: String
    package var seq: Int64

    package init(id: String, status: Status, name: String, seq: Int64) {
        self.id = id
        self.status = status
        self.name = name
        self.seq = seq
    }
}

/// Why Intake does not accept: nothing was stored.
package struct IntakeError: Error, Sendable, CustomStringConvertible {
    /// `.stagingFull`, `.ledgerFailed`, `.rateLimited` (too much waits to be written), `.badPath` (of this one alone; with a time to try
    /// again where that may help) or `.malformed`;
    /// `.forbiddenOperation` where somebody else is deciding on a drop, or it cannot be taken back; of a session that
    /// may do nothing any more, why; of an event in quarantine why the policy refuses its source; and of a fetched drop
    /// `.incomplete` where its file is not whole.
    package let code: Reason
    package let description: String
    /// Seconds after which to try again; nil when trying again is of no use.
    package let retryAfter: Int?
    /// Whether the ledger says that it is done, and the gate failed to do all of it: nothing was refused, and to ask again may be of no
    /// use.
    package let isHalfDone: Bool

    package init(
        _ code: Reason, _ description: String, retryAfter: Int? = nil, isHalfDone: Bool = false
    ) {
        self.code = code
        self.description = description
        self.retryAfter = retryAfter
        self.isHalfDone = isHalfDone
    }

    package static func unreadable(_ error: any Error) -> IntakeError {
        IntakeError(.ledgerFailed, "the ledger cannot be read: \(error)", retryAfter: 30)
    }

    package static func unwritable(_ error: any Error) -> IntakeError {
        IntakeError(
            .ledgerFailed, "the ledger cannot be written, nothing was changed: \(error)", retryAfter: 30)
    }
}
