// A directory that a command is to make out of the ledger: a backup, a bundle. Where it may lie.
import Files
import Foundation
import Settings

enum NewDirectory {
    /// Throws `ManagementError`: `.refused` where something has this path already, a link that leads nowhere too, and where it lies in a
    /// directory of the gate's own; `.invalid` where there is no directory to make it in.
    /// - Parameter path: absolute.
    static func check(_ path: String, of settings: GateSettings) throws(ManagementError) {
        var status = stat()
        guard lstat(path, &status) != 0 else {
            let isLink = status.st_mode & S_IFMT == S_IFLNK
            throw ManagementError(
                .refused, "\(path) is there already\(isLink ? " (a symbolic link)" : "")",
                fix: "name a directory that is not there yet")
        }
        if let objection = GateFiles(settings).objection(toCopyAt: path) {
            throw ManagementError(
                .refused, "\(path) \(objection)", fix: "name a place outside of it, best on another disk")
        }
        try ParentDirectory.require(above: path)
    }
}
