// What is wrong with a file, as a value.

/// Why a file could not be used, worded for the end of "FILE …".
package struct FileError: Error, Sendable, CustomStringConvertible {
    package let message: String

    package init(message: String) { self.message = message }

    /// "cannot read /etc/x: Input/output error". Of what may not be read it says who may.
    init(_ action: String, _ path: String, _ error: SystemError) {
        message =
            action == "read" ? Presence.denial(path, error) : "cannot \(action) \(path): \(error)"
    }

    package var description: String { message }
}
