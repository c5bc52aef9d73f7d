// The staging directory: its layout, and the handles that everything else in this target works with.
import Synchronization

/// An opened staging directory (design section 6). Making one creates what is missing, directories 0700.
package final class StagingArea: Sendable {
    package let path: String
    package let root: Directory
    package let ready: Directory
    package let receipts: Directory
    package let quarantine: Directory
    /// Partial uploads, one directory an account.
    package let uploads: Directory
    /// What was fetched from another gate and is no drop of this one yet: `<drop id>.part`.
    package let pulls: Directory
    /// Webhook batches on their way to `ready/`.
    let batches: Directory
    /// Paths under `ready/` that are reserved for a drop whose entry is not yet committed.
    let reserved = Mutex<Set<[UInt8]>>([])

    /// Throws `StagingError` when a directory cannot be made, or lies on another filesystem than the rest.
    package init(path: String) throws(StagingError) {
        self.path = path
        root = try Directory(path: path, create: true)
        ready = try root.subdirectory("ready", create: true)
        receipts = try root.subdirectory("receipts", create: true)
        quarantine = try root.subdirectory("quarantine", create: true)
        let incoming = try root.subdirectory("incoming", create: true)
        uploads = try incoming.subdirectory("sftp", create: true)
        pulls = try incoming.subdirectory("pull", create: true)
        batches = try incoming.subdirectory("webhook", create: true)
        for directory in [ready, receipts, quarantine, uploads, pulls, batches] {
            guard try directory.isOnFilesystem(of: root) else {
                throw StagingError(
                    .failed,
                    "\(directory.path) is on another filesystem than \(path): release is a rename, mount the whole staging directory instead"
                )
            }
        }
    }

    /// Where an account's partial uploads lie; made when absent.
    package func uploads(of account: String) throws(StagingError) -> Directory {
        try uploads.subdirectory(account, create: true)
    }

    /// The name of a fetched drop's file in `pulls`.
    package static func pulledFile(_ drop: String) -> String { drop + ".part" }

    /// Whether there is a receipt of a drop, readable or not.
    package func hasReceipt(_ drop: String) throws(StagingError) -> Bool {
        guard DropID.isValid(drop) else { return false }
        return try receipts.status(drop + ".json") != nil
    }

    /// The receipt of a drop, or nil when there is none.
    package func receipt(_ drop: String) throws -> Receipt? {
        let name = drop + ".json"
        guard DropID.isValid(drop), try receipts.status(name) != nil else { return nil }
        return try Receipt(parsing: receipts.openFile(name).contents(limit: 1 << 20))
    }

    /// The directory and name of a path such as `sftp/acme/a/b.xml` under `ready/`.
    func location(_ readyPath: String, create: Bool) throws(StagingError) -> (
        directory: Directory, name: String
    ) {
        var components = readyPath.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard components.allSatisfy(Directory.isComponent), let name = components.popLast() else {
            throw StagingError(.badPath, "not a path under ready/: \(readyPath.debugDescription)")
        }
        return (try ready.subdirectory(components, create: create), name)
    }

    /// Opens a released file for reading (verification only).
    package func openReleased(_ readyPath: String) throws(StagingError) -> OpenFile {
        let place = try location(readyPath, create: false)
        return try place.directory.openFile(place.name)
    }

    /// The files below a path of `ready/` that ends with a slash, in no order. Links are left alone.
    package func released(below root: String) throws(StagingError) -> [String] {
        var found: [String] = []
        do throws(StagingError) {
            let start = try ready.subdirectory(root.split(separator: "/").map(String.init))
            try collect(start, root, &found)
        } catch {
            // Nothing was released there yet.
            guard error.code == .notFound else { throw error }
        }
        return found
    }

    private func collect(_ directory: Directory, _ path: String, _ found: inout [String]) throws(StagingError)
    {
        for name in try directory.names() {
            guard let status = try directory.status(name) else { continue }
            if status.isDirectory {
                try collect(directory.subdirectory(name), "\(path)\(name)/", &found)
            } else if status.isRegular {
                found.append(path + name)
            }
        }
    }

    /// Removes a directory under `ready/` if it is there and empty.
    package func removeEmptyDirectory(_ path: String) {
        guard let place = try? location(path, create: false) else { return }
        _ = try? place.directory.removeDirectory(place.name)
    }

    /// Whether a file lies under this path of `ready/`.
    package func isOccupied(_ readyPath: String) throws(StagingError) -> Bool {
        do {
            let place = try location(readyPath, create: false)
            return try place.directory.status(place.name) != nil
        } catch  where error.code == .notFound {
            return false
        }
    }

    /// As `isOccupied`, of a file that was there once: what is a file or a link by now, where a directory was, holds
    /// nothing.
    package func stillHolds(_ readyPath: String) throws(StagingError) -> Bool {
        do throws(StagingError) {
            return try isOccupied(readyPath)
        } catch {
            guard error.code == .badPath else { throw error }
            return false
        }
    }

    /// Removes a released file and returns whether it was there.
    @discardableResult
    package func removeReleased(_ readyPath: String) throws(StagingError) -> Bool {
        do {
            let place = try location(readyPath, create: false)
            return try place.directory.remove(place.name)
        } catch  where error.code == .notFound || error.code == .badPath {
            return false
        }
    }

    /// Removes the empty directories of a tree under `ready/`, the lowest first.
    package func removeEmptyDirectories(_ paths: [String]) {
        for path in paths.sorted(by: { $0.utf8.count > $1.utf8.count }) { removeEmptyDirectory(path) }
    }

    /// Removes a receipt; absent is no error.
    package func removeReceipt(_ drop: String) throws(StagingError) {
        try receipts.remove(drop + ".json")
    }
}
