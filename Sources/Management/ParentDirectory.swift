// The directory in which a command is to make a file or a directory.
import Files

package enum ParentDirectory {
    /// Throws `ManagementError(.invalid)` where it is not there. Where this process may not look, who makes the file says so.
    /// - Parameters:
    ///   - path: absolute; of what is to be made.
    ///   - option: whose value it is, for the message; nil: it is an argument.
    package static func require(above path: String, of option: String? = nil) throws(ManagementError) {
        let directory = Paths.directory(of: path)
        guard let isThere = try? Presence.check(directory), !(isThere && Presence.isDirectory(directory))
        else { return }
        throw ManagementError(
            .invalid, (option.map { "\($0): " } ?? "") + "there is no directory \(directory)",
            fix: "make it, or name a place in another one")
    }
}
