// What can go wrong in staging, as a value.
import Files
import Glibc

/// A file operation in staging that failed: what, where, and the system's reason.
package struct StagingError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The path leaves staging, follows a link, or is not a name that staging takes.
        case badPath
        /// No space or inodes left, or the reserve is reached.
        case full
        case notFound
        case exists
        /// A file of the gate's own that is not what the gate wrote.
        case damaged
        case failed
    }

    package let code: Code
    package let description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// From `errno` as it stands now.
    package init(errno error: Int32, _ what: String) {
        let code: Code =
            switch error {
            case ENOSPC, EDQUOT: .full
            case ENOENT: .notFound
            case EEXIST, ENOTEMPTY: .exists
            case ELOOP, ENOTDIR: .badPath
            default: .failed
            }
        self.init(code, "\(what): \(SystemError(error))")
    }
}
