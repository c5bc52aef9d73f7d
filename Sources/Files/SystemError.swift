// What the system refused, as a value.
import FoundationEssentials
import Glibc

/// An errno, which reads as the system words it.
package struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    package let code: Int32

    package init(_ code: Int32) { self.code = code }

    /// It is about permission.
    package var isDenial: Bool { [EACCES, EPERM].contains(code) }

    /// The filesystem has no room, or this user may take no more of it: that may pass.
    package var isFull: Bool { [ENOSPC, EDQUOT].contains(code) }

    /// What to do about that.
    package static let adviceOnFull = "make room on that filesystem"

    /// What the system refused to one of Foundation's calls; nil when that is not known.
    package init?(of error: any Error) {
        switch error {
        case let error as SystemError: self = error
        case let error as POSIXError: self.init(error.code.rawValue)
        case let error as CocoaError:
            if let cause = error.underlying, let found = SystemError(of: cause) {
                self = found
            } else {
                switch error.code {
                case .fileNoSuchFile, .fileReadNoSuchFile: self.init(ENOENT)
                case .fileReadNoPermission, .fileWriteNoPermission: self.init(EACCES)
                case .fileWriteOutOfSpace: self.init(ENOSPC)
                case .fileWriteFileExists: self.init(EEXIST)
                case .fileWriteVolumeReadOnly: self.init(EROFS)
                default: return nil
                }
            }
        default: return nil
        }
    }

    /// errno as it stands now: the next call may change it.
    package static var last: SystemError { SystemError(errno) }

    package var description: String { String(cString: strerror(code)) }
}
