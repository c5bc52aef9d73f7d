// The uploads of one account that are not released, and the directories it made: all file work under
// incoming/sftp/<account>. Nothing here speaks SFTP, asks the ledger, or touches what is released.
//
//     parts/<drop id>.part     the bytes, 0600, locked (F_OFD_SETLK) by the session that writes them
//     parts/<drop id>.json     their sidecar, replaced by rename; ".sealed" once handed over for release
//     tree/<directories>       real directories, 0700; in them marks of released files (PartialStoreShown)
//     view.lock                held by every session that sees the marks
package import Admission
import CShims
import Glibc

/// One session's, or one sweep's, view. Paths are normalised and relative, "dir/name.xml"; "" is the root.
/// Several uploads of one path may wait; the newest that can be resumed is the one that shows. An older one is
/// removed only when a newer one of the same path is whole. Uploads that another session is writing, and
/// undecidable ones, do not show. Not for several threads.
package final class PartialStore {
    let incoming: Directory
    let parts: Directory
    let tree: Directory
    var view: OpenFile?
    let boot: String
    private var catalog = PartialCatalog()

    /// - Parameter incoming: `incoming/sftp/<account>`, absolute; `parts` and `tree` are made when absent.
    package init(incoming: String) throws(StagingError) {
        self.incoming = try Directory(path: incoming, create: true)
        parts = try self.incoming.subdirectory("parts", create: true)
        tree = try self.incoming.subdirectory("tree", create: true)
        boot = PartialSidecar.currentBoot()
    }

    package func space() throws(StagingError) -> FreeSpace { try parts.space() }

    // MARK: Finding

    /// An unreleased upload as its sender sees it.
    package struct Info: Equatable, Sendable {
        package var drop: String
        package var path: String
        /// Bytes that have arrived without a gap; where a sender goes on.
        package var bytes: Int64
        /// Seconds since the epoch: the client's time, or that of the last write.
        package var modified: Int64
        package var isWhole: Bool
    }

    /// The upload that shows under a path.
    package func find(_ path: String) throws(StagingError) -> Info? {
        try catalog.refresh(parts)
        for sidecar in catalog.sidecars(where: { $0.path.isSame(as: path) }) {
            if let info = try look(sidecar) { return info }
        }
        return nil
    }

    /// The uploads that show directly in a directory.
    package func uploads(in directory: String) throws(StagingError) -> [Info] {
        try catalog.refresh(parts)
        var found: [Info] = []
        var names: Set<[UInt8]> = []
        for sidecar in catalog.sidecars(where: { Self.parent(of: $0.path).isSame(as: directory) }) {
            guard !names.contains(Array(sidecar.path.utf8)), let info = try look(sidecar) else { continue }
            names.insert(Array(sidecar.path.utf8))
            found.append(info)
        }
        return found
    }

    /// Whether an unreleased upload, hidden or not, lies anywhere inside a directory.
    package func hasUploads(inside directory: String) throws(StagingError) -> Bool {
        try catalog.refresh(parts)
        return !catalog.sidecars { $0.path.isInside(directory) }.isEmpty
    }

    // MARK: Taking

    /// An upload that this process has locked.
    package struct Held {
        package var file: PartialFile
        package var info: Info
    }

    /// Locks the upload that shows under a path.
    package func acquire(_ path: String) throws(StagingError) -> Held? {
        try catalog.refresh(parts)
        for sidecar in catalog.sidecars(where: { $0.path.isSame(as: path) }) {
            if let held = try hold(sidecar) { return held }
        }
        return nil
    }

    /// Begins an upload. The parent directory must exist, and the path must not be a directory.
    package func create(
        _ path: String, drop: String, modified: Int64?, now: Instant
    ) throws(StagingError) -> PartialFile {
        try checkFileName(path)
        let name = drop + PartialCatalog.partSuffix
        let file = try parts.createFile(name)
        guard dropgate_lock(file.descriptor) == 0 else {
            throw StagingError(errno: errno, "cannot lock \(file.path)")
        }
        let sidecar = PartialSidecar(drop: drop, path: path, started: now, boot: boot, modified: modified)
        let partial = PartialFile(file, sidecar, in: parts)
        do throws(StagingError) {
            try partial.createSidecar()
        } catch {
            _ = try? partial.discard()
            throw error
        }
        return partial
    }

    /// Goes on with an upload after the bytes that show.
    /// - Parameter limit: cut it to this length if it is longer.
    /// - Returns: how many bytes are there.
    package func resume(_ held: Held, limit: Int64?, modified: Int64?) throws(StagingError) -> Int64 {
        let bytes = min(held.info.bytes, limit ?? .max)
        try held.file.resume(at: bytes, modified: modified, boot: boot)
        return bytes
    }

    /// Removes the older uploads of the same path: this one is whole.
    package func removeOlder(than drop: String, path: String) throws(StagingError) {
        try catalog.refresh(parts)
        for sidecar in catalog.sidecars(where: { $0.path.isSame(as: path) && $0.drop < drop }) {
            guard case .free(let file) = try lock(sidecar.drop) else { continue }
            try PartialFile(file, sidecar, in: parts).discard()
        }
    }

    private func hold(_ sidecar: PartialSidecar) throws(StagingError) -> Held? {
        guard case .free(let file) = try lock(sidecar.drop), let (current, info) = try read(sidecar, file)
        else {
            return nil
        }
        return Held(file: PartialFile(file, current, in: parts), info: info)
    }

    /// As `hold`, without a lock: looking must not make an upload seem taken to a session that wants it now.
    private func look(_ sidecar: PartialSidecar) throws(StagingError) -> Info? {
        guard let file = try open(sidecar.drop), dropgate_is_locked(file.descriptor) == 0 else { return nil }
        return try read(sidecar, file)?.info
    }

    /// What the upload is now: another session may have changed it since the catalog read its sidecar.
    private func read(
        _ sidecar: PartialSidecar, _ file: OpenFile
    ) throws(StagingError) -> (sidecar: PartialSidecar, info: Info)? {
        let name = sidecar.drop + PartialCatalog.sidecarSuffix
        guard let current = PartialCatalog.read(sidecar.drop, name, parts),
            current.path.isSame(as: sidecar.path)
        else { return nil }
        let status = try file.status()
        let bytes: Int64
        let isWhole: Bool
        switch current.standing(bytes: status.bytes, boot: boot) {
        case .whole(let length): (bytes, isWhole) = (length, true)
        case .resumable(let length): (bytes, isWhole) = (length, false)
        case .undecidable, .sealed: return nil
        }
        let info = Info(
            drop: current.drop, path: current.path, bytes: bytes,
            modified: current.modified ?? status.modified, isWhole: isWhole)
        return (current, info)
    }

    enum Lock {
        case free(OpenFile)
        case taken
        case absent
    }

    /// Opens and locks the bytes of an upload, and makes sure that the name still means them.
    func lock(_ drop: String) throws(StagingError) -> Lock {
        guard let file = try open(drop) else { return .absent }
        guard dropgate_lock(file.descriptor) == 0 else {
            if errno == EAGAIN || errno == EACCES { return .taken }
            throw StagingError(errno: errno, "cannot lock \(file.path)")
        }
        var opened = stat()
        var named = stat()
        guard fstat(file.descriptor, &opened) == 0,
            fstatat(parts.descriptor, drop + PartialCatalog.partSuffix, &named, AT_SYMLINK_NOFOLLOW) == 0,
            opened.st_ino == named.st_ino, opened.st_dev == named.st_dev
        else { return .absent }
        return .free(file)
    }

    /// The bytes of an upload; nil when there are none, or something else has their name.
    func open(_ drop: String) throws(StagingError) -> OpenFile? {
        guard DropID.isValid(drop) else { return nil }
        let name = drop + PartialCatalog.partSuffix
        let descriptor = dropgate_openat(
            parts.descriptor, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ELOOP || errno == EISDIR { return nil }
            throw StagingError(errno: errno, "cannot open \(parts.path)/\(name)")
        }
        let file = OpenFile(descriptor: descriptor, path: "\(parts.path)/\(name)")
        return try file.status().isRegular ? file : nil
    }

    static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return String(path[..<slash])
    }
}
