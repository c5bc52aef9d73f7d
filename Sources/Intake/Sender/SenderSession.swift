// One SFTP session of a sender, as the daemon knows it: whose box it uses, and what it has delivered, which it goes on
// seeing however fast a consumer is.
package import Admission
import Staging
import Synchronization

package final class SenderSession: Sendable {
    let id: UInt64
    package let box: SenderBox
    private let delivered = Mutex(Delivered())

    private struct Delivered {
        private(set) var files: [DropPath: (drop: String, node: SenderNode)] = [:]
        /// The same, by the directory that they are in.
        private(set) var names: [DropPath: SortedNames] = [:]

        /// Names that are remembered; beyond, those of the oldest upload are not known to be the oldest, so all go.
        private static let most = 20_000

        mutating func add(_ path: DropPath, _ drop: String, _ node: SenderNode) {
            if files.count >= Self.most { self = Delivered() }
            files[path] = (drop, node)
            names[path.parent, default: SortedNames()].insert(path.name)
        }

        @discardableResult
        mutating func remove(_ path: DropPath) -> (drop: String, node: SenderNode)? {
            guard let file = files.removeValue(forKey: path) else { return nil }
            names[path.parent]?.remove(path.name)
            if names[path.parent]?.isEmpty == true { names[path.parent] = nil }
            return file
        }

        mutating func date(_ path: DropPath, modified: Int64) { files[path]?.node.modified = modified }
    }

    /// Why it may change nothing any more; nil: it may.
    private let withdrawal: @Sendable () -> (reason: Reason, message: String)?

    init(
        id: UInt64, box: SenderBox, withdrawal: @escaping @Sendable () -> (reason: Reason, message: String)?
    ) {
        self.id = id
        self.box = box
        self.withdrawal = withdrawal
    }

    /// Whoever has waited for the lock of a box is asked again whether it may.
    func checkAuthority() throws(SenderError) {
        if let (reason, message) = withdrawal() { throw SenderError(.denied, reason, message) }
    }

    func hasDelivered(_ path: DropPath) -> (drop: String, node: SenderNode)? {
        delivered.withLock { $0.files[path] }
    }

    /// An upload of this session was accepted.
    package func delivers(_ upload: FinishedUpload, at now: Instant) {
        guard let path = DropPath(upload.path) else { return }
        let seconds = upload.modified ?? now.microseconds / 1_000_000
        let node = SenderNode(isDirectory: false, bytes: upload.bytes, modified: seconds)
        delivered.withLock { $0.add(path, upload.dropID, node) }
    }

    func takesBack(_ path: DropPath) { delivered.withLock { _ = $0.remove(path) } }

    func renames(_ path: DropPath, to other: DropPath) {
        delivered.withLock { delivered in
            for known in delivered.files.keys where known == path || known.isInside(path) {
                guard let file = delivered.remove(known) else { continue }
                delivered.add(known.moved(from: path, to: other), file.drop, file.node)
            }
        }
    }

    func dates(_ path: DropPath, modified: Int64) {
        delivered.withLock { $0.date(path, modified: modified) }
    }

    /// Names that it has delivered directly into a directory, in their order, after `name` and up to `last`.
    func delivered(in folder: DropPath, after name: [UInt8]?, upTo last: [UInt8]?) -> ArraySlice<[UInt8]> {
        delivered.withLock { $0.names[folder]?.names(after: name, through: last) ?? [] }
    }
}
