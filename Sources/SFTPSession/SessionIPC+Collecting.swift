// What a collector's session asks the daemon: which drops there are, whether one may be read, and that one is
// collected. No policy.
import Admission

/// A question about released drops that nobody has acknowledged. Answered by `DaemonMessage.page`.
package struct CollectQuestion: Sendable, Equatable {
    /// The one drop that is asked for; nil asks for a page of all.
    package var drop: String?
    /// For a page: the `next` of the one before.
    package var before: Int64?
    /// The drop's file is opened: a ledger entry.
    package var opens: Bool
    /// The drop is collected.
    package var acknowledges: Bool
    /// What has become of the drop, released or not; answered by the page's `standing`.
    package var asksStanding: Bool

    package init(
        drop: String? = nil, before: Int64? = nil, opens: Bool = false, acknowledges: Bool = false,
        asksStanding: Bool = false
    ) {
        self.drop = drop
        self.before = before
        self.opens = opens
        self.acknowledges = acknowledges
        self.asksStanding = asksStanding
    }
}

package struct CollectPage: Sendable, Equatable {
    package struct Drop: Sendable, Equatable {
        package var id: String
        /// Relative to `ready/`.
        package var path: String

        package init(id: String, path: String) {
            self.id = id
            self.path = path
        }
    }

    /// False: nothing may be read; `message` says why.
    package var ok: Bool
    package var drops: [Drop]
    /// What to ask for next; nil on the last page.
    package var next: Int64?
    package var message: String?
    /// JSON; nil where it was not asked for, or there is no such drop.
    package var standing: String?

    package init(
        ok: Bool, drops: [Drop] = [], next: Int64? = nil, message: String? = nil, standing: String? = nil
    ) {
        self.ok = ok
        self.drops = drops
        self.next = next
        self.message = message
        self.standing = standing
    }
}

/// A whole upload that only tried the way in, and that its sender has removed again; a ledger entry, no answer.
package struct ProbeNotice: Sendable, Equatable {
    package var path: String
    package var bytes: Int64

    package init(path: String, bytes: Int64) {
        self.path = path
        self.bytes = bytes
    }
}

/// The names of files that `dropgate probe sftp` sends and removes: never final, never released.
package enum ProbeMarker {
    package static let pattern = ProbeMark.filePrefix + "*"

    package static func isMarker(_ path: String) -> Bool {
        path.split(separator: "/").last?.hasPrefix(ProbeMark.filePrefix) ?? false
    }
}
