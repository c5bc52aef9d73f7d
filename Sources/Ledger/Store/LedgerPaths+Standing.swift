// Whether a ledger lies in its place. Looked at before anything is made or opened for writing: no new ledger begins beside the
// checkpoints of an old one, and a file that is something else is left as it is.
import Admission
import Files
import Foundation

extension LedgerPaths {
    /// Whether the ledger's file is there; false where nothing shows that there ever was one.
    ///
    /// Only asks for names and sizes: a file of SQLite that this process may have open must not be opened and closed by
    /// anything but SQLite (its locks would be gone: sqlite.org/howtocorrupt.html, 2.2).
    /// Throws `LedgerError`: `.missing`, `.foreign` for what SQLite need not be asked about, `.unreadable`.
    func isThere() throws(LedgerError) -> Bool {
        let isThere: Bool
        do throws(FileError) { isThere = try Presence.check(file) } catch {
            throw LedgerError(.unreadable, "the ledger cannot be read: \(error)")
        }
        var status = stat()
        guard isThere, stat(file, &status) == 0 else {
            let traces = try traces()
            guard traces.isEmpty else { throw missing(traces) }
            return false
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw foreign("is not a regular file") }
        guard status.st_size > 0 else { throw foreign("is empty") }
        return true
    }

    /// What a ledger leaves beside its file. Throws where this process may not look: no new one begins then.
    private func traces() throws(LedgerError) -> [String] {
        var found: [String] = []
        for (directory, isOfLedger) in [
            (checkpoints, { (name: String) in name.hasSuffix(".notes") }),
            (segments, { (name: String) in !name.hasPrefix(".") }),
        ] {
            if try names(in: directory).contains(where: isOfLedger) { found.append(directory) }
        }
        do throws(FileError) { if try Presence.check(wal) { found.append(wal) } } catch {
            throw LedgerError(.unreadable, error.message)
        }
        return found
    }

    /// None where there is no such directory.
    private func names(in directory: String) throws(LedgerError) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: directory) } catch {
            let cause = SystemError(of: error) ?? SystemError(EIO)
            if [ENOENT, ENOTDIR].contains(cause.code) { return [] }
            throw LedgerError("whether there was a ledger at \(file) is not known", reading: directory, cause)
        }
    }

    /// Nothing shows that there ever was one.
    var absent: LedgerError {
        LedgerError(
            .unreadable, "there is no ledger at \(file)",
            fix: "check that these are the gate's settings, and that it has ever run")
    }

    private func missing(_ traces: [String]) -> LedgerError {
        let places = traces.joined(separator: " and ")
        return LedgerError(
            .missing,
            "the ledger \(file) is gone: it was moved or removed, because \(places) of it are still there",
            fix: "put it back from where it was moved, or from a backup; only if it is lost for good, move "
                + "\(places) away and keep them as evidence: then a new ledger begins")
    }

    /// None is there, and somebody elsewhere has seen one.
    func missing(seen checkpoint: Checkpoint, by keeper: String) -> LedgerError {
        LedgerError(
            .missing,
            "the ledger \(file) is gone: \(keeper) has a checkpoint of \(Counted.entries(checkpoint.size)) of it, signed at "
                + "\(checkpoint.time)",
            fix: "put it back from where it was moved, or from a backup; a new ledger needs a new witness")
    }

    /// - Parameter what: it is in place of a ledger.
    func foreign(_ what: String) -> LedgerError {
        LedgerError(
            .foreign, "\(file) \(what), not a ledger of Dropgate",
            fix:
                "put the ledger back from where it was moved, or from a backup; if there never was one, move this "
                + "file away or set ledger.path to another: then a new ledger begins")
    }
}
