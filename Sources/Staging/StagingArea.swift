// The staging directory: what is local to the gate, and the store of what consumers get.

/// An opened staging directory. Making one creates what is missing, directories 0700. Names are in `StagingLayout`.
package final class StagingArea: Sendable {
    package let path: String
    package let root: Directory
    /// Released drops and their receipts.
    package let ready: any ReadyStore
    package let quarantine: Directory
    /// Partial uploads, one directory an account.
    package let uploads: Directory
    /// What was fetched from another gate and is not a drop of this one yet: `<drop id>.part`.
    package let pulls: Directory

    /// Throws `StagingError` when a directory cannot be made, or lies on another filesystem than the rest.
    /// - Parameter consumers: who gets what is released beside this process's user, for whoever releases.
    package init(path: String, consumers: Consumers? = nil) throws(StagingError) {
        self.path = path
        root = try Directory(path: path, create: true)
        ready = try LocalReadyStore(root: root, consumers: consumers)
        quarantine = try root.durable([StagingLayout.quarantine])
        let incoming = try root.durable([StagingLayout.incoming])
        uploads = try incoming.durable([StagingLayout.sftp])
        pulls = try incoming.durable([StagingLayout.pull])
        for directory in [quarantine, uploads, pulls] { try directory.requireFilesystem(of: root) }
    }

    /// For who only looks, and may be another user than the gate's: nothing is made. Throws `.obstructed` where a directory that the gate
    /// makes at its start is missing.
    package convenience init(lookingInto path: String) throws(StagingError) {
        let root = try Directory(path: path)
        for name in StagingLayout.madeAtStart {
            var place: Directory? = root
            for component in name.split(separator: "/") { place = try place?.existing(String(component)) }
            if place == nil {
                throw StagingError(
                    .obstructed, "\(path)/\(name) is missing",
                    fix: "put it back if it was moved away; else the gate makes it at its next start")
            }
        }
        try self.init(path: path)
    }

    /// Where an account's partial uploads lie; made durably when absent.
    package func uploads(of account: String) throws(StagingError) -> Directory {
        try uploads.durable([account])
    }

    /// The accounts that have something in `uploads`; what lies there under an account's name need not be a directory.
    package func accounts() throws(StagingError) -> [String] {
        try uploads.names().filter { !StagingLayout.isNewReceipt($0) }
    }

    /// At a start, while no receipt is written: removes those that a crash left half written. One that cannot be removed is told by the
    /// release of its drop, which writes it.
    package func removeNewReceipts() throws(StagingError) {
        for name in try uploads.names() where StagingLayout.isNewReceipt(name) { try? uploads.clear(name) }
    }

    /// How many uploads lie in quarantine, each in a directory of its own.
    package func quarantinedUploads() throws(StagingError) -> Int {
        guard let accounts = try quarantine.existing(StagingLayout.sftp) else { return 0 }
        var count = 0
        for account in try accounts.names() { count += try accounts.subdirectory(account).names().count }
        return count
    }

    /// The file at a path such as `StagingLayout.acceptedFile`. Throws `.notFound` when its directory is not there.
    package func file(_ path: String) throws(StagingError) -> StagedFile {
        var components = path.split(separator: "/").map(String.init)
        guard let name = components.popLast() else { throw StagingError(.badPath, "no incoming file") }
        return StagedFile(name, in: try root.subdirectory(components))
    }
}
