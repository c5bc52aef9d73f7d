// One account's drop box in the daemon: its tree, its files in `incoming/`, and the lock that keeps a rename, a
// withdrawal and a release of the same drop apart. State only; what is done with it stands in Intake's extensions.
import Admission
import Ledger
package import Staging
import Synchronization

package final class SenderBox: Sendable {
    package let account: String
    package let files: PartialStore
    /// Shared by what adds or releases, exclusive for what renames or takes away.
    let lock = SharedLock()
    let state: Mutex<State>

    struct State: Sendable {
        var tree = SenderTree() {
            didSet {
                // Whatever takes one of the two directories away, the last step of the RENAME itself too: there is nothing left
                // to go on with, and a directory that gets its name later is another one.
                if !unfinished.isEmpty {
                    unfinished = unfinished.filter { tree.isFolder($0.from) && tree.isFolder($0.to) }
                }
            }
        }
        /// Renames of directories that failed halfway, or have let others have their turn, oldest first. They are known in memory only.
        /// When the box is loaded anew, after a restart or because nobody has used it, both directories are there, and each file is in
        /// the one that the ledger or its sidecar says: its sender can rename the rest file by file, and remove the old directory.
        private(set) var unfinished: [UnfinishedRename] = []
        /// Accepted drops that are not released, by id.
        var settling: [String: Settling] = [:]
        /// The last look at everything that waits: when it ended, and how long it took.
        var look: (ended: ContinuousClock.Instant, took: Duration)?
        /// When its sender renamed something last.
        var renamed: Instant?
        /// Uploads whose last write, in seconds since the epoch, lies ahead of the clock, by drop; and when this gate saw that first.
        var ahead: [String: (lastWrite: Int64, seen: Instant)] = [:]

        /// Each change of the tree goes through all of them, so they are few; a client renames one directory at a time. One that is
        /// forgotten is as after a restart.
        private static let mostUnfinished = 32

        /// What a RENAME goes on with; nil: it is a new one.
        func begun(_ order: SenderRename) -> UnfinishedRename? {
            unfinished.first { $0.from == order.from && $0.to == order.to }
        }

        /// A RENAME stops, and somebody is to go on with it: what settles has the time that this needs.
        /// - Returns: whether both directories are still there.
        mutating func stop(_ rename: UnfinishedRename, at now: Instant) -> Bool {
            renamed = now
            unfinished.removeAll { $0.from == rename.from && $0.to == rename.to }
            guard tree.isFolder(rename.from), tree.isFolder(rename.to) else { return false }
            unfinished = Array(unfinished.suffix(Self.mostUnfinished - 1)) + [rename]
            return true
        }
    }

    /// A directory of which some files have their new names, and others not yet.
    struct UnfinishedRename: Sendable {
        let from: DropPath
        let to: DropPath
        /// Files that have them.
        var done: Int
    }

    struct Settling: Sendable {
        var record: DropRecord
        var receipt: Receipt
        /// Of one that the ledger keeps: a file has been made of it since the gate started.
        var isWritten = false

        init(record: DropRecord, receipt: Receipt) {
            self.record = record
            self.receipt = receipt
        }

        /// See `Intake.writeFiles`.
        var mustBeWritten: Bool { !isWritten && (record.incoming.map(StagingLayout.isSmallFile) ?? false) }
    }

    init(account: String, files: PartialStore, state: consuming State) {
        self.account = account
        self.files = files
        self.state = Mutex(state)
    }

    /// Names that the account has now, and bytes of what nobody has taken.
    package var usage: (names: Int, bytes: Int64) { state.withLock { ($0.tree.names, $0.tree.bytes) } }
}

/// What shows under a name.
package struct SenderNode: Sendable, Equatable {
    package var isDirectory: Bool
    package var bytes: Int64
    /// Seconds since the epoch.
    package var modified: Int64
    /// An upload that is not whole, or waits for its final name.
    package var isPartial: Bool

    package init(isDirectory: Bool, bytes: Int64, modified: Int64, isPartial: Bool = false) {
        self.isDirectory = isDirectory
        self.bytes = bytes
        self.modified = modified
        self.isPartial = isPartial
    }

    init(_ item: SenderItem) {
        self.init(isDirectory: false, bytes: item.bytes, modified: item.modified, isPartial: item.isPartial)
    }
}
