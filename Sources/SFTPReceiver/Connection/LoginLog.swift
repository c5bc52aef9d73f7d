// The login record of one connection while its log is being followed, and whether it came to a login.
import Admission

actor LoginLog {
    private(set) var record = LoginRecord()
    private var isWritten = false

    func note(_ event: SSHDLogEvent) { record.note(event) }

    /// The login is in the ledger.
    func succeed() { isWritten = true }

    /// sshd let an account in that may not log in any more.
    func refuse(_ account: String, _ credential: Credential, _ withdrawal: Withdrawal) {
        record.refuse(account, credential, withdrawal)
    }

    /// The gate itself could not go on.
    func fail(_ why: String, reason: Reason = .handshakeFailed) { record.fail(why, reason: reason) }

    /// The record, when no login was written: the connection needs an entry yet.
    var withoutOutcome: LoginRecord? { isWritten ? nil : record }
}
