// sshd's files as they were written last, to be written again where somebody has removed them from under the gate.
import Accounts
import Staging
import Synchronization

final class KeptFiles: Sendable {
    let files: SSHDFiles
    /// What the files are of; nil: not yet of any accounts. Held while they are written: an older state never replaces a newer one.
    private let written = Mutex<AccountSnapshot?>(nil)

    init(_ files: SSHDFiles) { self.files = files }

    func write(_ accounts: AccountSnapshot) throws(StagingError) {
        try written.withLock { written throws(StagingError) in
            do throws(SSHDError) { if !files.areThere { try files.prepare() } } catch {
                throw StagingError(error.code == .busy ? .full : .failed, "\(error)")
            }
            try files.write(accounts)
            written = accounts
        }
    }

    /// Returns whether something was gone. Throws `SSHDError` or `StagingError` when it cannot be written again.
    func restore() throws -> Bool {
        try written.withLock { written in
            guard let accounts = written, !files.areThere else { return false }
            try files.prepare()
            try files.write(accounts)
            return true
        }
    }
}
