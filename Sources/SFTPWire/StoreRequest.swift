// What the drop box asks of whoever holds the files, and what it may be told. Each request is answered
// before the next one comes. Types only.

/// An open upload, by the slot of its handle. Free again after `finish`, `keep` or `discard` was answered.
package typealias UploadSlot = Int

package struct OpenOrder: Equatable, Sendable {
    package var slot: UploadSlot
    package var path: VirtualPath
    /// Fail with `.exists` when a file shows under the path, released or not.
    package var exclusive: Bool
    /// Fail with `.absent` when no file shows under the path.
    package var mustExist: Bool
    /// Start from nothing even if an unreleased upload stands there; that one stays until this one is whole.
    /// Where a delivered file shows, every upload starts from nothing: delivered bytes are never written again.
    package var fresh: Bool
    /// The client appends: fail with `.denied` where a delivered file shows.
    package var appends: Bool
    /// The client's modification time, if it came with OPEN.
    package var modified: Int64?
}

package struct FinishOrder: Equatable, Sendable {
    package var slot: UploadSlot
    package var path: VirtualPath
    package var size: Int64
    package var modified: Int64?
}

package struct KeepOrder: Equatable, Sendable {
    package var slot: UploadSlot
    package var path: VirtualPath
    package var extents: Extents
    package var modified: Int64?
    /// Why the upload is not whole, for the ledger.
    package var message: String
}

package struct RenameOrder: Equatable, Sendable {
    package var from: VirtualPath
    package var to: VirtualPath
    /// The upload that is open under `from`, if it is one of this session.
    package var slot: UploadSlot?
    /// True: what shows under `to` gives way. False: it makes the request fail with `.exists`.
    package var replace: Bool
}

package enum StoreRequest: Equatable, Sendable {
    /// Answered by `.node`.
    case stat(VirtualPath)
    /// Answered by `.listing`: the next entries in the order of their names, without "." and "..". nil: from the
    /// start.
    case list(VirtualPath, after: [UInt8]?)
    case makeDirectory(VirtualPath)
    case removeDirectory(VirtualPath)
    /// Answered by `.opened`.
    case open(OpenOrder)
    /// Of an earlier upload that was opened (`.partial`), before anything else happens to it: its first bytes are
    /// kept and the upload goes on after them. 0: it starts from nothing, and the earlier one stays until this one is
    /// whole.
    case begin(UploadSlot, keeping: Int64)
    /// Before the first write that does not follow the last: from now on the length says nothing.
    case leaveSequence(UploadSlot)
    /// Write the gathered pieces (`DropBox.pieces`, ranges of the input) at `offset`, `count` bytes in all.
    case write(UploadSlot, offset: Int64, count: Int)
    case resize(UploadSlot, Int64)
    /// fsync of an open upload.
    case sync(UploadSlot)
    /// The upload is whole: deliver it or, under a temporary name, keep it. After a failure it is kept, whole.
    case finish(FinishOrder)
    /// The upload is not whole: note its extents, keep it for resume, tell the daemon.
    case keep(KeepOrder)
    /// Remove an open upload and its traces.
    case discard(UploadSlot)
    /// Nothing happened to an earlier upload that was opened: it stays as it was.
    case putBack(UploadSlot)
    /// Size and modification time of a closed upload, the time of a delivered file, or nothing of a directory.
    case setAttributes(VirtualPath, size: Int64?, modified: Int64?)
    /// A directory, an upload, or a delivered file that nobody has taken.
    case rename(RenameOrder)
    /// Remove an upload (`open`: one of this session that is open), and withdraw delivered files of the name.
    case remove(VirtualPath, open: UploadSlot?)
}

package enum StoreAnswer: Equatable, Sendable {
    case done
    /// nil: there is nothing of that name.
    case node(Node?)
    /// `now` in seconds since the epoch, for the lines of `ls -l`. `hasMore`: after the last of these names.
    case listing([DirectoryEntry], hasMore: Bool, now: Int64)
    case opened(OpenedUpload)
    case failed(StoreError)
}

package struct OpenedUpload: Equatable, Sendable {
    package enum Standing: Equatable, Sendable {
        case fresh
        /// An earlier upload that waits. The first write decides whether it goes on: see `StoreRequest.begin`.
        case partial(isWhole: Bool)
        /// A fresh upload where a delivered file of so many bytes shows, and it was not asked to start from nothing.
        case delivered(bytes: Int64)
    }
    /// Bytes already there without a gap; 0 but for `.partial`.
    package var size: Int64
    package var modified: Int64?
    /// Seconds since the epoch.
    package var now: Int64
    package var standing: Standing

    package init(size: Int64, modified: Int64?, now: Int64, standing: Standing = .fresh) {
        self.size = size
        self.modified = modified
        self.now = now
        self.standing = standing
    }
}

package struct StoreError: Error, Equatable, Sendable {
    package enum Code: Sendable {
        case absent, exists, denied
        /// No space is left; after it the channel is closed.
        case full
        /// The daemon cannot be reached; after it the channel is closed.
        case gone
        case other
    }
    package var code: Code
    /// For the client: what happened and what helps.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    var status: StatusCode {
        switch code {
        case .absent: .noSuchFile
        case .denied: .permissionDenied
        case .exists, .full, .gone, .other: .failure
        }
    }
}

/// Something for the ledger.
package struct RefusedRequest: Equatable, Sendable {
    /// The ledger's reasons that the drop box itself can give, by their raw values.
    package enum Reason: String, Sendable {
        case forbiddenOperation = "forbidden_operation"
        case badPath = "bad_path"
        case tooLarge = "too_large"
        case malformed
        case connectionLimit = "connection_limit"
    }
    package var reason: Reason
    /// The request's name in the draft.
    package var operation: String
    /// Printable and bounded; empty when the request names none.
    package var path: String
    package var message: String

    package init(reason: Reason, operation: String, path: String, message: String) {
        self.reason = reason
        self.operation = operation
        self.path = path
        self.message = message
    }
}
