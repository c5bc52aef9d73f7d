// One SFTP session of a sender, as the daemon knows it: whose box it uses, and what it has delivered, which it goes on
// seeing however fast a consumer is.
package import Admission
import Staging
import Synchronization

package final class SenderSession: Sendable {
    let id: UInt64
    package let box: SenderBox
    private let delivered = Mutex<[DropPath: (drop: String, node: SenderNode)]>([:])

    /// Names that are remembered; beyond, those of the oldest upload are not known to be the oldest, so all go.
    private static let mostDelivered = 20_000

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
    func checkAuthority() throws(SenderRefusal) {
        if let (reason, message) = withdrawal() { throw SenderRefusal(.denied, reason, message) }
    }

    func hasDelivered(_ path: DropPath) -> (drop: String, node: SenderNode)? {
        delivered.withLock { $0[path] }
    }

    /// An upload of this session was accepted.
    package func delivers(_ upload: FinishedUpload, at now: Instant) {
        guard let path = DropPath(upload.path) else { return }
        let seconds = upload.modified ?? now.microseconds / 1_000_000
        let node = SenderNode(isDirectory: false, bytes: upload.bytes, modified: seconds)
        delivered.withLock { delivered in
            if delivered.count >= Self.mostDelivered { delivered.removeAll() }
            delivered[path] = (upload.dropID, node)
        }
    }

    func takesBack(_ path: DropPath) { delivered.withLock { _ = $0.removeValue(forKey: path) } }

    func renames(_ path: DropPath, to other: DropPath) {
        delivered.withLock { delivered in
            for known in delivered.keys where known == path || known.isInside(path) {
                delivered[known.moved(from: path, to: other)] = delivered.removeValue(forKey: known)
            }
        }
    }

    func dates(_ path: DropPath, modified: Int64) {
        delivered.withLock { $0[path]?.node.modified = modified }
    }

    /// Names that it has delivered directly into a directory, after `name` and up to `last`.
    func delivered(in folder: DropPath, after name: [UInt8]?, upTo last: [UInt8]?) -> [[UInt8]] {
        delivered.withLock { delivered in
            delivered.keys.compactMap { path in
                guard path.parent == folder else { return nil }
                let own = path.name
                if let name, !name.lexicographicallyPrecedes(own) { return nil }
                if let last, last.lexicographicallyPrecedes(own) { return nil }
                return own
            }
        }
    }
}
