// An attempt: what a receiver says about one contact, before the ledger gives it its number and time.
// No bodies, passwords, secret path parts or authorization headers may ever be put into one.
package import Admission
package import JSON

/// What an entry is about.
package enum EntryKind: String, Sendable, Hashable, CaseIterable {
    case connection, request, login, transfer, policy, service, access, probe
}

/// Facts of an HTTP request.
package struct RequestFacts: Sendable, Hashable {
    /// The reference that the caller was given.
    package var id: String?
    package var method: String?
    /// Secret parts masked.
    package var path: String?
    package var status: Int?

    package init(id: String? = nil, method: String? = nil, path: String? = nil, status: Int? = nil) {
        self.id = id
        self.method = method
        self.path = path
        self.status = status
    }
}

/// Facts of something accepted, or of what was left of it.
package struct DropFacts: Sendable, Hashable {
    package var id: String
    /// The name under `ready/`, or the name as sent of what was not released.
    package var name: String
    package var bytes: Int64
    /// Lower-case hex; nil for what never became whole.
    package var sha256: String?
    package var eventID: String?
    package var eventType: String?
    /// When a gate first received it, where that was before its entry: it was held in quarantine, or pulled from the gate that
    /// received it.
    package var received: Instant?

    package init(
        id: String, name: String, bytes: Int64, sha256: String?, eventID: String? = nil,
        eventType: String? = nil, received: Instant? = nil
    ) {
        self.id = id
        self.name = name
        self.bytes = bytes
        self.sha256 = sha256
        self.eventID = eventID
        self.eventType = eventType
        self.received = received
    }
}

/// A ledger entry before it has its seq, time and node.
package struct Attempt: Sendable, Hashable {
    package var kind: EntryKind
    package var channel: Channel?
    package var verdict: Verdict
    package var reason: Reason
    package var source: Endpoint?
    /// Stored only where it differs from the source.
    package var peer: Endpoint?
    package var addressMode: AddressMode?
    /// Identifiers of the source entries that matched.
    package var entries: [String] = []
    package var policy: String?
    package var account: String?
    /// The key's fingerprint, or "password".
    package var credential: String?
    package var request: RequestFacts?
    package var drop: DropFacts?
    package var detail: [String: JSONValue] = [:]
    /// How many attempts this entry stands for; when the first and last of them came, if more than one.
    package var count: Int64 = 1
    package var first: Instant?
    package var last: Instant?

    package init(kind: EntryKind, channel: Channel?, verdict: Verdict, reason: Reason) {
        self.kind = kind
        self.channel = channel
        self.verdict = verdict
        self.reason = reason
    }

    /// An attempt on which admission decided. A rejection carries the decision's trace and raw chain.
    package init(kind: EntryKind, channel: Channel, decision: Decision) {
        self.init(kind: kind, channel: channel, verdict: decision.verdict, reason: decision.reason)
        source = decision.source
        peer = decision.peer
        addressMode = decision.mode
        entries = decision.entries
        policy = decision.policy
        if decision.verdict != .accepted {
            detail["trace"] = .array(decision.trace.map(JSONValue.string))
        }
        if let chain = decision.chain { detail["chain"] = .string(chain) }
    }
}
