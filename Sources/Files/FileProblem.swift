// What is wrong with a file, as a value.
import Foundation

/// Why a file could not be used, worded for the end of "FILE …".
package struct FileProblem: Error, Sendable, CustomStringConvertible {
    package let message: String

    package init(message: String) { self.message = message }

    package var description: String { message }

    /// From errno as it stands now: "cannot read /etc/x: Permission denied".
    package static func errno(_ action: String, _ path: String) -> FileProblem {
        FileProblem(message: "cannot \(action) \(path): \(String(cString: strerror(Foundation.errno)))")
    }
}
