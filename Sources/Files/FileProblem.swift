// What is wrong with a file, as a value.

/// Why a file could not be used, worded for the end of "FILE …".
package struct FileProblem: Error, Sendable, CustomStringConvertible {
    package let message: String

    package init(message: String) { self.message = message }

    /// "cannot read /etc/x: Permission denied".
    init(_ action: String, _ path: String, _ error: SystemError) {
        message = "cannot \(action) \(path): \(error)"
    }

    package var description: String { message }
}
