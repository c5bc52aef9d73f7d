// Two pulls into one gate would write into the same files: the second one ends before it begins.
import CShims
import Glibc
package import Staging

package final class PullLock: Sendable {
    private let descriptor: Int32
    private static let name = ".lock"

    /// Nil when another pull holds it. Held until this object goes.
    package init?(in directory: Directory) throws(StagingError) {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC
        descriptor = dropgate_openat(directory.descriptor, Self.name, flags, 0o600)
        guard descriptor >= 0 else {
            throw StagingError(errno: errno, "cannot make \(directory.path)/\(Self.name)")
        }
        guard dropgate_lock(descriptor) == 0 else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
