// What is wrong with a file, as a value.

/// Why a file could not be used, worded for the end of "FILE …".
package struct FileError: Error, Sendable, CustomStringConvertible {
    package let message: String
    /// Whether the message ends with what mends it, so that no other advice fits behind it.
    package let saysFix: Bool

    /// - Parameter fix: what mends it: it ends the message.
    package init(message: String, fix: String? = nil) {
        self.message = fix.map { "\(message): \($0)" } ?? message
        saysFix = fix != nil
    }

    /// "cannot read /etc/x: Input/output error". Of what may not be read it says who may.
    init(_ action: String, _ path: String, _ error: SystemError) {
        message =
            action == "read" ? Presence.denial(path, error) : "cannot \(action) \(path): \(error)"
        saysFix = action == "read" && error.isDenial
    }

    private init(message: String, saysFix: Bool) {
        self.message = message
        self.saysFix = saysFix
    }

    /// Of a file that the message does not name at its beginning.
    package func of(_ path: String) -> FileError {
        FileError(message: "\(path): \(message)", saysFix: saysFix)
    }

    package var description: String { message }
}
