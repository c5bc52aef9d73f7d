// One SFTP session of a sender, as the daemon knows it: whose box it uses, and what it has delivered, which it goes on
// seeing for a while however fast a consumer is.
package import Admission
import Staging
import Synchronization

package final class SenderSession: Sendable {
    let id: UInt64
    package let box: SenderBox
    private let delivered = Mutex(Delivered())

    /// What clients look at right after CLOSE or RENAME (paramiko and rclone: is the size right?) shows to them for so long
    /// although a consumer has taken it, or until they remove it. For longer it must not: it is there for nobody else, and what
    /// else they would do with it is refused.
    static let memory = Duration.seconds(30)

    private struct Delivered {
        struct File {
            let drop: String
            var node: SenderNode
            /// Its CLOSE, or its last RENAME.
            let since: Instant

            /// A clock that was set back, however far, makes nothing show for longer than twice that time.
            func shows(at now: Instant) -> Bool {
                since - SenderSession.memory < now && now < since + SenderSession.memory
            }
        }

        private(set) var files: [DropPath: File] = [:]
        /// The same, by the directory that they are in.
        private(set) var names: [DropPath: SortedNames] = [:]

        /// Names that are remembered, also those that show no more: a RENAME lets one show again.
        private static let most = 20_000

        mutating func add(_ path: DropPath, _ drop: String, _ node: SenderNode, at now: Instant) {
            if files.count >= Self.most { makeRoom(at: now) }
            put(path, File(drop: drop, node: node, since: now))
        }

        private mutating func put(_ path: DropPath, _ file: File) {
            files[path] = file
            names[path.parent, default: SortedNames()].insert(path.name)
        }

        /// Lets go of what shows no more; where that is less than half, of all, or each further name would come here again.
        private mutating func makeRoom(at now: Instant) {
            let shown = files.filter { $0.value.shows(at: now) }
            self = Delivered()
            guard shown.count <= Self.most / 2 else { return }
            for (path, file) in shown { put(path, file) }
        }

        @discardableResult
        mutating func remove(_ path: DropPath) -> File? {
            guard let file = files.removeValue(forKey: path) else { return nil }
            names[path.parent]?.remove(path.name)
            if names[path.parent]?.isEmpty == true { names[path.parent] = nil }
            return file
        }

        mutating func date(_ path: DropPath, modified: Int64) { files[path]?.node.modified = modified }
    }

    /// Why it may change nothing any more; nil: it may.
    private let withdrawal: @Sendable () -> (reason: Reason, message: String)?
    /// Whether anybody would hear an answer.
    private let isHeard: @Sendable () -> Bool

    init(
        id: UInt64, box: SenderBox, withdrawal: @escaping @Sendable () -> (reason: Reason, message: String)?,
        isHeard: @escaping @Sendable () -> Bool
    ) {
        self.id = id
        self.box = box
        self.withdrawal = withdrawal
        self.isHeard = isHeard
    }

    /// Whoever has waited for the lock of a box is asked again whether it may, and whether anybody is there to hear what comes of it: a
    /// sender that has not heard it sends its file again, which would then be delivered twice. What was begun is carried out.
    func checkTurn() throws(SenderError) {
        try checkAuthority()
        guard isHeard() else {
            throw SenderError(
                .failed, .incomplete, "its session ended before its turn came; nothing was changed")
        }
    }

    func checkAuthority() throws(SenderError) {
        if let (reason, message) = withdrawal() { throw SenderError(.denied, reason, message) }
    }

    /// What it has delivered under a name, or renamed to it, in the time before `now` that is remembered.
    func hasDelivered(_ path: DropPath, at now: Instant) -> (drop: String, node: SenderNode)? {
        delivered.withLock { delivered -> (drop: String, node: SenderNode)? in
            guard let file = delivered.files[path], file.shows(at: now) else { return nil }
            return (file.drop, file.node)
        }
    }

    /// An upload of this session was accepted.
    package func delivers(_ upload: FinishedUpload, at now: Instant) {
        guard let path = DropPath(upload.path) else { return }
        let seconds = upload.modified ?? now.microseconds / 1_000_000
        let node = SenderNode(isDirectory: false, bytes: upload.bytes, modified: seconds)
        delivered.withLock { $0.add(path, upload.dropID, node, at: now) }
    }

    func takesBack(_ path: DropPath) { delivered.withLock { _ = $0.remove(path) } }

    func renames(_ path: DropPath, to other: DropPath, at now: Instant) {
        delivered.withLock { delivered in
            for known in delivered.files.keys where known == path || known.isInside(path) {
                guard let file = delivered.remove(known) else { continue }
                delivered.add(known.moved(from: path, to: other), file.drop, file.node, at: now)
            }
        }
    }

    func dates(_ path: DropPath, modified: Int64) {
        delivered.withLock { $0.date(path, modified: modified) }
    }

    /// Names that it has delivered directly into a directory, in their order, after `name` and up to `last`. Not all of them show
    /// any more.
    func delivered(in folder: DropPath, after name: [UInt8]?, upTo last: [UInt8]?) -> ArraySlice<[UInt8]> {
        delivered.withLock { $0.names[folder]?.names(after: name, through: last) ?? [] }
    }
}
