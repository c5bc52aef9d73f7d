// For the daemon: what lies in an account's parts, how old it is, and how it is taken away. What a live
// session has locked is left alone.
package import Admission
import CShims

extension PartialStore {
    /// A partial upload as the daemon's sweep sees it.
    package struct Summary: Sendable {
        package var drop: String
        /// As sent; nil when the sidecar is missing or cannot be read.
        package var path: String?
        /// Length of the file, in bytes.
        package var bytes: Int64
        /// nil: no sidecar.
        package var started: Instant?
        /// The last write, in seconds since the epoch; its age counts from here.
        package var lastWrite: Int64
        /// The client's modification time.
        package var modified: Int64?
        /// `.sealed`: its release was asked for. If the ledger has the drop, recovery releases it and it is not
        /// to be touched; if not, the release failed and it may go to quarantine.
        package var standing: PartialSidecar.Standing
        /// A session has it locked.
        package var isLive: Bool
    }

    /// All partials, oldest first.
    package func summaries() throws(StagingError) -> [Summary] {
        var found: [Summary] = []
        for name in try parts.names() {
            if let drop = PartialName.drop(ofBytes: name), let summary = try summary(drop) {
                found.append(summary)
            }
        }
        return found
    }

    /// nil when there are no bytes of that drop.
    package func summary(_ drop: String) throws(StagingError) -> Summary? {
        guard let file = try open(drop) else { return nil }
        let isLocked = dropgate_is_locked(file.descriptor) != 0
        let status = try file.status()
        let sidecar = PartialSidecar.read(drop, PartialName.sidecar(drop), parts)
        let sealed = PartialSidecar.read(drop, PartialName.sealed(drop), parts)
        let known = sidecar ?? sealed
        let standing: PartialSidecar.Standing =
            if let sidecar {
                sidecar.standing(bytes: status.bytes, boot: boot)
            } else if sealed != nil {
                .sealed
            } else {
                .undecidable("its sidecar is missing or cannot be read")
            }
        return Summary(
            drop: drop, path: known?.path, bytes: status.bytes, started: known?.started,
            lastWrite: status.modified, modified: known?.modified, standing: standing,
            isLive: isLocked || (known == nil && isJustMade(status)))
    }

    /// A session makes the file first, then locks it, then writes its sidecar. In between it looks like one
    /// that a crash left.
    private func isJustMade(_ status: FileStatus) -> Bool {
        let (grace, age) = (10 as Int64, Instant.now().microseconds / 1_000_000 - status.modified)
        return -grace...grace ~= age
    }

    /// Locks an upload that goes to quarantine, whatever is known of it, and makes its bytes durable. It is locked for
    /// as long as the file is kept.
    /// - Returns: nil when a session has it locked or it is gone.
    package func locked(_ drop: String) throws(StagingError) -> OpenFile? {
        guard case .free(let file) = try lock(drop) else { return nil }
        try file.sync()
        return file
    }

    /// Removes a partial and its sidecar.
    /// - Returns: false when a session has it locked or it is gone.
    package func remove(_ drop: String) throws(StagingError) -> Bool {
        guard case .free = try lock(drop) else { return false }
        try parts.remove(PartialName.bytes(drop))
        try removeSidecars(drop)
        return true
    }

    /// Removes sidecars whose bytes are gone: released, or removed halfway. Nothing can come back to them,
    /// because the bytes are always made first.
    /// - Parameter written: drops that sessions write: there may be no bytes of them here yet.
    package func removeOrphans(but written: Set<String> = []) throws(StagingError) {
        for name in try parts.names() {
            guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { continue }
            let drop = String(name[..<dot])
            guard DropID.isValid(drop), !written.contains(drop), PartialName.drop(ofBytes: name) == nil,
                try parts.status(PartialName.bytes(drop)) == nil
            else { continue }
            try parts.remove(name)
        }
    }

    /// What says what the bytes of a drop are; they are gone, or about to go.
    package func removeSidecars(_ drop: String) throws(StagingError) {
        for name in [PartialName.sidecar(drop), PartialName.sealed(drop), PartialName.new(drop)] {
            try parts.remove(name)
        }
    }
}
