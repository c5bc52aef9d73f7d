// A directory that a command is to make out of the ledger: a backup, a bundle. Where it may lie.
import Files
import Foundation
import Ledger
import Settings

enum NewDirectory {
    /// Throws `ManagementError(.refused)` where something has this path already, a link that leads nowhere too, and where it lies
    /// in a directory of the gate's own: a backup is lost there together with what it is of, and consumers, retention and the
    /// next backup come across it.
    /// - Parameter path: absolute.
    static func check(_ path: String, of settings: GateSettings) throws(ManagementError) {
        var status = stat()
        guard lstat(path, &status) != 0 else {
            let isLink = status.st_mode & S_IFMT == S_IFLNK
            throw ManagementError(
                .refused, "\(path) is there already\(isLink ? " (a symbolic link)" : "")",
                fix: "name a directory that is not there yet")
        }
        // What is not there has no place yet: to make it fails, and says why.
        guard let place = Paths.real(Paths.directory(of: path)) else { return }
        for (name, own) in [
            ("gate's state directory", settings.state),
            ("gate's staging directory", settings.staging.path),
            ("ledger's directory", settings.ledgerHandle.directory),
        ] {
            guard let own = Paths.real(own), place == own || place.hasPrefix(own + "/") else { continue }
            throw ManagementError(
                .refused, "\(path) lies in the \(name), \(own)",
                fix: "name a place outside of it, best on another disk")
        }
    }
}
