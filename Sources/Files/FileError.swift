// What is wrong with a file, as a value.

/// Why a file could not be used, worded for the end of "FILE …".
package struct FileError: Error, Sendable, CustomStringConvertible {
    package let message: String
    /// Whether the message ends with what mends it, so that no other advice fits behind it.
    package let saysFix: Bool

    /// Whether it may not be read, which somebody mends who may: nothing has failed.
    package let isDenial: Bool

    /// Whether its filesystem has no room, or its user may take no more of that.
    package let isFull: Bool

    /// - Parameter fix: what mends it: it ends the message.
    package init(message: String, fix: String? = nil) {
        self.init(message: fix.map { "\(message): \($0)" } ?? message, saysFix: fix != nil, isDenial: false)
    }

    /// "cannot read /etc/x: Input/output error". Of what may not be read it says who may.
    init(_ action: String, _ path: String, _ error: SystemError) {
        let isDenial = action == "read" && error.isDenial
        self.init(
            message: action == "read"
                ? AccessAdvice.denial(path, error) : "cannot \(action) \(path): \(error)",
            saysFix: isDenial, isDenial: isDenial, isFull: error.isFull)
    }

    private init(message: String, saysFix: Bool, isDenial: Bool, isFull: Bool = false) {
        self.message = message
        self.saysFix = saysFix
        self.isDenial = isDenial
        self.isFull = isFull
    }

    /// Of a file that the message does not name at its beginning.
    package func of(_ path: String) -> FileError {
        FileError(message: "\(path): \(message)", saysFix: saysFix, isDenial: isDenial, isFull: isFull)
    }

    package var description: String { message }
}

extension FileError {
    /// What to say of some files of the gate's, of which one was refused: where one is root's alone, it is to be given to the gate's
    /// user, wherever it lies, for the gate is not to run as root. Else this error.
    /// - Parameter home: a directory of the gate's user.
    package func toBeGiven(_ files: [String], toOwnerOf home: String) -> FileError {
        guard isDenial, let user = Presence.owner(of: home), user != 0,
            let file = files.first(where: Self.isRootsAlone)
        else { return self }
        return FileError(
            message: "\(AccessAdvice.refusal(of: file)): it belongs to root; "
                + AccessAdvice.handoverToGate(file, user), saysFix: true, isDenial: true)
    }

    private static func isRootsAlone(_ file: String) -> Bool {
        Presence.barrier(file) == file && Presence.owner(of: file) == 0 && !Presence.isDirectory(file)
    }
}
