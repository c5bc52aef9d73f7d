// Directories of the gate's state: made private, never changed when they are there.
import Files
import Foundation

package enum GateDirectories {
    /// Makes a directory and its parents, 0700, and returns those that were made, outermost first.
    @discardableResult
    package static func make(_ path: String) throws -> [String] {
        var missing: [String] = []
        var current = path
        while current != "/", try !Presence.check(current) {
            missing.append(current)
            current = "/" + current.split(separator: "/").dropLast().joined(separator: "/")
        }
        for directory in missing.reversed() {
            guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
                throw ManagementError(
                    .internalError, "cannot make \(directory): \(SystemError.last)")
            }
        }
        return missing.reversed()
    }
}
