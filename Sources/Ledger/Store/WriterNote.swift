// What a writer of a ledger has open, written down for those who read beside it (`OpenFiles`). Auditors may not open the writer's lock, for
// whoever can open it can lock the gate out: this file they may read.
import Files
import Glibc

/// A file that is new with each writer, and locked (flock(2)) by it from before anybody else can open it. So whoever finds it locked knows
/// that the writer lives, and nobody can hold the writer up by locking it.
final class WriterNote: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Replaces that of an earlier writer, by the one that holds the ledger's lock. What is written stays behind when this is freed, and
    /// its lock ends. nil where no file can be made: who reads goes by the writer's lock, if it may, and by what is there.
    static func make(_ text: String, for paths: LedgerPaths) -> WriterNote? {
        var kept: Int32 = -1
        let temporary = paths.openFiles + ".new"
        do throws(SystemError) {
            try FileReplacement.install(paths.openFiles, in: nil, temporary: temporary, isDurable: false) {
                (file) throws(SystemError) in
                kept = fcntl(file, F_DUPFD_CLOEXEC, 0)
                guard kept >= 0, flock(kept, LOCK_EX | LOCK_NB) == 0 else { throw .last }
                // On a full disk it says less, and is locked all the same.
                try? SystemCall.write(Array(text.utf8), to: file)
                try? paths.readers?.admit(file: temporary)
            } failed: { _, error in
                error
            }
            return WriterNote(kept)
        } catch {
            if kept >= 0 { close(kept) }
            unlink(paths.openFiles)
            return nil
        }
    }

    /// What was written down last, by a writer that may have ended; nil where there is nothing, or nothing that this user may read.
    static func text(_ paths: LedgerPaths) -> String? {
        (try? SmallFile.open(paths.openFiles).contents(limit: 4096)).map {
            String(decoding: $0, as: UTF8.self)
        }
    }
}
