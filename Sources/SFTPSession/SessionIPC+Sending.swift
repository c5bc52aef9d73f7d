// What a sender's session asks the daemon, which alone knows the account's names: what there is, what it may write,
// what became of it. Paths are normalised and relative, "dir/name.xml"; "" is the account's root. No policy.

/// What shows under one name, or in one directory.
package struct NameQuestion: Sendable, Equatable {
    package enum About: String, Sendable {
        /// Answered by one entry without a name, or none.
        case name
        /// Answered by the next names in their order.
        case directory
    }
    package var about: About
    package var path: String
    /// Of a directory: the last name that is known.
    package var after: String?

    package init(about: About, path: String, after: String? = nil) {
        self.about = about
        self.path = path
        self.after = after
    }
}

package struct NameAnswer: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var name: String
        package var isDirectory: Bool
        package var bytes: Int64
        /// Seconds since the epoch.
        package var modified: Int64

        package init(name: String, isDirectory: Bool, bytes: Int64, modified: Int64) {
            self.name = name
            self.isDirectory = isDirectory
            self.bytes = bytes
            self.modified = modified
        }

    }
    package var entries: [Entry]
    package var hasMore: Bool

    package init(entries: [Entry], hasMore: Bool = false) {
        self.entries = entries
        self.hasMore = hasMore
    }
}

/// A change of names or attributes.
package struct NameChange: Sendable, Equatable {
    package enum What: String, Sendable {
        case makeDirectory = "make_directory"
        case removeDirectory = "remove_directory"
        case rename, remove
        case setAttributes = "set_attributes"
    }
    package var what: What
    package var path: String
    /// Of a rename: the new name.
    package var to: String?
    /// Of a rename: what shows under the new name gives way.
    package var replaces: Bool?
    /// The drop under `path` that this session is writing, if it is one of those.
    package var open: String?
    /// Of attributes: bytes, and seconds since the epoch.
    package var size: Int64?
    package var modified: Int64?

    package init(_ what: What, _ path: String) {
        self.what = what
        self.path = path
    }
}

/// Yes, or why not.
package struct ChangeAnswer: Sendable, Equatable {
    package enum Failure: String, Sendable {
        case absent, exists, denied, full, failed
    }
    /// nil: it is done.
    package var failure: Failure?
    /// For the client.
    package var message: String?
    /// Of room: how many bytes.
    package var bytes: Int64?

    package init(failure: Failure? = nil, message: String? = nil, bytes: Int64? = nil) {
        self.failure = failure
        self.message = message
        self.bytes = bytes
    }
}

package struct UploadOpening: Sendable, Equatable {
    package var path: String
    package var exclusive: Bool
    package var mustExist: Bool
    package var fresh: Bool
    package var appends: Bool
    package var modified: Int64?

    package init(
        path: String, exclusive: Bool, mustExist: Bool, fresh: Bool, appends: Bool, modified: Int64?
    ) {
        self.path = path
        self.exclusive = exclusive
        self.mustExist = mustExist
        self.fresh = fresh
        self.appends = appends
        self.modified = modified
    }
}

package struct UploadOpened: Sendable, Equatable {
    package enum Standing: String, Sendable {
        case fresh, partial, delivered
    }
    /// The drop id; also the stem of the file names in `parts/`.
    package var drop: String
    package var standing: Standing
    /// Bytes that may be written before more room is asked for.
    package var room: Int64
    /// Of the delivered file that shows.
    package var bytes: Int64?

    package init(drop: String, standing: Standing, room: Int64, bytes: Int64? = nil) {
        self.drop = drop
        self.standing = standing
        self.room = room
        self.bytes = bytes
    }
}

/// More bytes of an upload, which has used what it had.
package struct RoomRequest: Sendable, Equatable {
    package var drop: String
    /// As many as are wanted, and the fewest that help.
    package var bytes: Int64
    package var least: Int64

    package init(drop: String, bytes: Int64, least: Int64) {
        self.drop = drop
        self.bytes = bytes
        self.least = least
    }
}

/// An upload that is not written any more and was not committed.
package struct UploadEnded: Sendable, Equatable {
    package enum Outcome: String, Sendable {
        /// Interrupted, and kept for resume: a ledger entry.
        case interrupted
        /// Whole, and kept for its final name or another try.
        case whole
        /// Nothing of it is kept.
        case discarded
        /// As `discarded`, after it had been interrupted: a ledger entry.
        case lost
        /// It was opened and not touched: it stays what it was.
        case untouched
    }
    package var drop: String
    package var path: String
    package var outcome: Outcome
    /// Bytes that have arrived.
    package var bytes: Int64
    /// Of those, without a gap from the start: where a sender goes on.
    package var prefix: Int64
    package var modified: Int64?
    /// For the ledger: why it is not whole.
    package var message: String?

    package init(
        drop: String, path: String, outcome: Outcome, bytes: Int64 = 0, prefix: Int64 = 0,
        modified: Int64? = nil, message: String? = nil
    ) {
        self.drop = drop
        self.path = path
        self.outcome = outcome
        self.bytes = bytes
        self.prefix = prefix
        self.modified = modified
        self.message = message
    }
}

package struct SessionEnding: Sendable, Equatable {
    /// For the client: why.
    package var message: String
    /// It comes in place of the answer to a question. Else it comes unasked, and an answer that it has overtaken
    /// follows.
    package var answers: Bool?

    package init(message: String, answers: Bool? = nil) {
        self.message = message
        self.answers = answers
    }
}
