// Whether whoever is to write a ledger could, before anything is opened for that.
import Files
import Glibc

extension LedgerPaths {
    /// Throws `LedgerError(.unwritable)` for what is there of the ledger and cannot be opened for writing, because it is another
    /// user's: root's, who has copied it or made it by hand. Opens and makes nothing. Who may not write beside it is no writer, and
    /// is told nothing.
    /// - Parameter byOwner: of root: whether whose the ledger is could write it; else whether root could.
    func requireWritable(byOwner: Bool) throws(LedgerError) {
        for path in [lock, file, wal, sharedMemory] { try Self.require(path, R_OK | W_OK) }
        // What lies in the place of a directory is told by who opens it.
        if Presence.isDirectory(policies) { try Self.require(policies, R_OK | W_OK | X_OK) }
        guard byOwner, geteuid() == 0, let owner = Presence.owner(of: file), owner != 0 else { return }
        for path in [lock, wal, sharedMemory, policies] {
            if let other = Presence.owner(of: path), other != owner {
                throw Self.ofAnother(path, to: owner)
            }
        }
    }

    private static func require(_ path: String, _ rights: Int32) throws(LedgerError) {
        guard access(path, rights) != 0, let closed = closed(path, .last) else { return }
        throw closed
    }

    /// What to say to who may write beside a part of the ledger, as the gate, and cannot open it. nil for all others.
    static func closed(_ path: String, _ error: SystemError) -> LedgerError? {
        guard error.code == EACCES, access(Paths.directory(of: path), W_OK | X_OK) == 0,
            let owner = Presence.owner(of: path)
        else { return nil }
        guard owner == geteuid() else { return ofAnother(path, to: geteuid()) }
        return LedgerError(
            .unwritable,
            "its owner may not write \(path), and the ledger cannot be written without it",
            fix: AccessAdvice.opening(path))
    }

    /// - Parameter user: whose it is to be.
    private static func ofAnother(_ path: String, to user: uid_t) -> LedgerError {
        LedgerError(
            .unwritable,
            "\(path) belongs to another user, and the ledger cannot be written without it",
            fix: AccessAdvice.handoverToGate(path, user))
    }
}
