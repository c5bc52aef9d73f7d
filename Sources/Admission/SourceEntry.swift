// One line of a source list: a block of addresses, what it may use, and where the knowledge comes from.
// It holds what was read; whether it matches is Policy's to say.

package struct SourceEntry: Sendable, Hashable {
    /// Where the block was published.
    package struct Document: Sendable, Hashable {
        package var title: String
        package var page: String?
        /// The day somebody read it, `YYYY-MM-DD`.
        package var read: String

        package init(title: String, page: String? = nil, read: String) {
            self.title = title
            self.page = page
            self.read = read
        }
    }

    package enum Mode: String, Sendable, Hashable, CaseIterable, Codable {
        case enforce
        /// Lets in and marks the attempt `observed`, as if the entry were not yet there.
        case observe
    }

    package var list: String
    package var service: String
    /// What tells this entry from the others of its service; nil where the service has one alone.
    package var ownID: String?
    package var cidr: CIDRBlock
    package var channels: Set<Channel>
    package var document: Document?
    package var owner: String?
    /// When somebody should look at the entry again. A reminder; it never changes a decision.
    package var reviewBy: Instant?
    /// From this instant on the entry does not match.
    package var expires: Instant?
    package var mode: Mode
    package var note: String?
    /// How often it is expected to call, where that was said.
    package var expect: [Channel: ExpectedContact] = [:]

    package init(
        list: String, service: String, cidr: CIDRBlock, channels: Set<Channel>, document: Document? = nil,
        owner: String? = nil, reviewBy: Instant? = nil, expires: Instant? = nil, mode: Mode = .enforce,
        note: String? = nil
    ) {
        self.list = list
        self.service = service
        self.cidr = cidr
        self.channels = channels
        self.document = document
        self.owner = owner
        self.reviewBy = reviewBy
        self.expires = expires
        self.mode = mode
        self.note = note
    }

    /// `list/service`, or `list/` and the entry's own id: what ledger entries name it by. Unique in the lists of a gate.
    package var id: String { "\(list)/\(ownID ?? service)" }
}
