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
        /// Something of the gate's own that this process may not read or write.
        case denied
        /// Where a directory of the gate's own belongs lies something else: a link, or a file. Or one that had something in it is gone,
        /// or lies where a file of the gate's own belongs.
        case obstructed
        case failed
    }

    package let code: Code
    /// What is wrong: one line for people.
    package let message: String
    /// What can be done next; nil where the message says all there is to say.
    package let fix: String?

    package init(_ code: Code, _ message: String, fix: String? = nil) {
        self.code = code
        self.message = message
        self.fix = fix
    }

    /// Whether a person has to mend it: a directory or file of the gate's own is closed to it, or not what it is to be.
    package var needsMending: Bool { code == .denied || code == .obstructed }

    /// Whether it is about the name that was asked for, so that another name may do.
    package var isAboutName: Bool { code == .badPath || code == .exists }

    /// What a sender hears of any of them, from the daemon and from its session: never a path of the gate's own.
    package static let textForSenders = "the gate cannot store anything now; try again later"

    /// The message and the fix on one line.
    package var description: String { fix.map { "\(message); \($0)" } ?? message }

    /// From `errno` as it stands now.
    /// - Parameters:
    ///   - place: whose right to it was missing, if it is about that.
    ///   - action: as of `AccessAdvice.remedy`.
    package init(errno error: Int32, _ what: String, at place: String? = nil, to action: String = "read") {
        let code: Code =
            switch error {
            case _ where SystemError(error).isFull: .full
            case ENOENT: .notFound
            case EEXIST, ENOTEMPTY: .exists
            case ELOOP, ENOTDIR: .badPath
            case EACCES, EPERM: .denied
            default: .failed
            }
        self.init(
            code, "\(what): \(SystemError(error))",
            fix: code == .denied ? place.flatMap { AccessAdvice.remedy($0, to: action) } : nil)
    }

    /// Of a link or a file where a directory of the gate's own belongs; nil where a directory lies there, nothing does, or that cannot
    /// be seen.
    package static func obstacle(at place: String) -> StagingError? {
        var status = stat()
        guard lstat(place, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { return nil }
        guard status.st_mode & S_IFMT == S_IFLNK else {
            return StagingError(
                .obstructed, "\(place) is not a directory, but one of the gate's own belongs there",
                fix: "move it away, and put the directory back in its place")
        }
        let target = ((try? Paths.target(ofLink: place)) ?? nil).map { " (to \($0))" } ?? ""
        return StagingError(
            .obstructed, "\(place) is a symbolic link\(target), and the gate follows no link in staging",
            fix:
                "put the directory itself back in its place; to have all of staging elsewhere, set staging.path"
        )
    }
}
