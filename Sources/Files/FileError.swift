// What is wrong with a file, as a value.
import Glibc

/// Why a file could not be used, worded for the end of "FILE …".
package struct FileError: Error, Sendable, CustomStringConvertible {
    package let message: String
    /// Whether the message ends with what mends it, so that no other advice fits behind it.
    package let saysFix: Bool

    /// Whether it may not be read, which somebody mends who may: nothing has failed.
    package let isDenial: Bool

    /// - Parameter fix: what mends it: it ends the message.
    package init(message: String, fix: String? = nil) {
        self.init(message: fix.map { "\(message): \($0)" } ?? message, saysFix: fix != nil, isDenial: false)
    }

    /// "cannot read /etc/x: Input/output error". Of what may not be read it says who may.
    init(_ action: String, _ path: String, _ error: SystemError) {
        let isDenial = action == "read" && error.isDenial
        self.init(
            message: action == "read"
                ? Presence.denial(path, error) : "cannot \(action) \(path): \(error)",
            saysFix: isDenial, isDenial: isDenial)
    }

    /// What is root's and is to be the gate's to read.
    init(ofRoots path: String, giveTo user: uid_t) {
        self.init(
            message:
                "permission denied: \(SystemUser.own) may not read \(path): it belongs to root; give it to the gate's user "
                + "(\(Presence.handover(path, to: user)))", saysFix: true, isDenial: true)
    }

    private init(message: String, saysFix: Bool, isDenial: Bool) {
        self.message = message
        self.saysFix = saysFix
        self.isDenial = isDenial
    }

    /// Of a file that the message does not name at its beginning.
    package func of(_ path: String) -> FileError {
        FileError(message: "\(path): \(message)", saysFix: saysFix, isDenial: isDenial)
    }

    package var description: String { message }
}
