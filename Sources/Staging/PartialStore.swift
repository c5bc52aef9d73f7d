// The uploads of one account that are not released, and the directories it made: all file work under
// incoming/sftp/<account>. Nothing here speaks SFTP, asks the ledger, or touches what is released. Which names there
// are is for the gate's daemon to say; a session gets the drop it may write.
//
//     parts/<drop id>.part     the bytes, 0600, locked (F_OFD_SETLK) by the session that writes them
//     parts/<drop id>.json     their sidecar, replaced by rename; ".sealed" once handed over to be accepted
//     parts/<drop id>.superseded  a newer upload of its name is whole: nobody goes on with this one
//     parts/<drop id>.older  the same of one that is whole itself: it is still to be withdrawn
//     tree/<directories>       real directories, 0700
//     claimed/<drop id>        a released file that its sender is renaming or withdrawing
//     small/<drop id>          an accepted upload that the ledger had kept, on its way to be released
package import Admission
import CShims
import Files
import Glibc

/// What one account has in `incoming/`. Every operation is relative to an open directory and follows no link.
package final class PartialStore: Sendable {
    private let incoming: Directory
    package let parts: Directory
    let tree: Directory
    package let claimed: Directory
    /// The system's boot id; nil where it is not known.
    let boot: String?

    /// Components of `incoming/sftp/<account>`. Links lead to a staging directory, and to nothing in it.
    private static let ownComponents = 3

    /// - Parameter incoming: `incoming/sftp/<account>`, absolute; it and what is missing in it is made, durably: an account's first
    ///   upload is there after a loss of power, too. A link in its place, or in that of the two above it, is refused.
    package init(incoming: String) throws(StagingError) {
        let components = incoming.split(separator: "/").map(String.init)
        let own = Array(components.suffix(Self.ownComponents))
        guard incoming.hasPrefix("/"), let account = own.last else {
            throw StagingError(.badPath, "not the directory of an account: \(incoming.debugDescription)")
        }
        let staging = "/" + components.dropLast(own.count).joined(separator: "/")
        self.incoming = try Directory(path: staging).subdirectory(Array(own.dropLast())).durable([account])
        parts = try self.incoming.durable([StagingLayout.parts])
        tree = try self.incoming.durable([StagingLayout.tree])
        claimed = try self.incoming.durable([StagingLayout.claimed])
        boot = BootID.current
    }

    /// `incoming/sftp/<account>`, absolute.
    package var path: String { incoming.path }

    /// Where small uploads are written before they are released; made when absent.
    package func small() throws(StagingError) -> Directory {
        try incoming.subdirectory(StagingLayout.small, create: true)
    }

    /// Begins an upload.
    package func create(
        _ path: String, drop: String, modified: Int64?, now: Instant
    ) throws(StagingError) -> PartialFile {
        let file = try parts.createFile(PartialName.bytes(drop))
        guard dropgate_lock(file.descriptor) == 0 else {
            throw StagingError(errno: errno, "cannot lock \(file.path)")
        }
        let sidecar = PartialSidecar(drop: drop, path: path, started: now, boot: boot, modified: modified)
        let partial = PartialFile(file, sidecar, in: parts, boot: boot)
        do throws(StagingError) {
            try partial.createSidecar()
        } catch {
            _ = try? partial.discard()
            throw error
        }
        return partial
    }

    /// An upload that this process has locked.
    package struct Held {
        package var file: PartialFile
        /// Bytes that have arrived without a gap; where a sender goes on.
        package var bytes: Int64
        package var isWhole: Bool
    }

    /// Locks an upload that waits; nil when another process has it, or it is none that can go on.
    package func hold(_ drop: String) throws(StagingError) -> Held? {
        guard case .free(let file) = try lock(drop),
            let sidecar = PartialSidecar.read(drop, PartialName.sidecar(drop), parts)
        else { return nil }
        let held = {
            Held(file: PartialFile(file, sidecar, in: self.parts, boot: self.boot), bytes: $0, isWhole: $1)
        }
        return switch try sidecar.standing(bytes: file.status().bytes, boot: boot) {
        case .whole(let bytes): held(bytes, true)
        case .resumable(let bytes): held(bytes, false)
        case .undecidable, .sealed: nil
        }
    }

    /// An upload that was handed over and, as the ledger knows, not accepted: it waits again. One that a session has
    /// locked stays as it is.
    package func unseal(_ drop: String) throws(StagingError) {
        guard case .free = try lock(drop), try parts.status(PartialName.sidecar(drop)) == nil else { return }
        try parts.replace(PartialName.sealed(drop), to: parts, as: PartialName.sidecar(drop))
    }

    /// Goes on with an upload after its first `bytes`; what follows them is cut off.
    package func resume(_ held: Held, at bytes: Int64, modified: Int64?) throws(StagingError) {
        try held.file.resume(at: bytes, modified: modified)
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
            fstatat(parts.descriptor, PartialName.bytes(drop), &named, AT_SYMLINK_NOFOLLOW) == 0,
            opened.st_ino == named.st_ino, opened.st_dev == named.st_dev
        else { return .absent }
        return .free(file)
    }

    /// The bytes of an upload; nil when there are none, or something else has their name.
    func open(_ drop: String) throws(StagingError) -> OpenFile? {
        guard DropID.isValid(drop) else { return nil }
        let name = PartialName.bytes(drop)
        let descriptor = dropgate_openat(
            parts.descriptor, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ELOOP || errno == EISDIR { return nil }
            throw StagingError(errno: errno, "cannot open \(parts.path)/\(name)")
        }
        let file = OpenFile(descriptor: descriptor, path: "\(parts.path)/\(name)")
        return try file.status().isRegular ? file : nil
    }
}
