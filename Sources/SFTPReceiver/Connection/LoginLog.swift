// The login record of one connection while its log is being followed, and whether it came to a login.
import Accounts
import Admission

actor LoginLog {
    private(set) var record = LoginRecord()
    /// What sshd showed of itself.
    private(set) var signs = SSHDSigns()
    private var isWritten = false
    /// Cut off for wrong passwords: whatever sshd still says, nobody logs in here.
    private(set) var isLimited = false
    private var namesOnlyAccounts = true

    func note(_ event: SSHDLogEvent) { record.note(event) }

    /// Returns whether this message was the first to show that sshd works.
    func noteSigns(_ event: SSHDLogEvent, _ message: String) -> Bool {
        let didShow = signs.showItWorks
        signs.note(event, message)
        return !didShow && signs.showItWorks
    }

    /// The connection was made to wait, or may show no password.
    func slow(_ pace: Pace) { record.slow(pace) }

    func limit() {
        isLimited = true
        record.limit()
    }

    /// The outcome is in the ledger.
    func written() { isWritten = true }

    /// sshd let in what the gate does not.
    func refuse(
        _ account: String, _ credential: Credential, _ withdrawal: LoginRevocation, _ decision: Decision
    ) {
        record.refuse(account, credential, withdrawal, decision)
    }

    /// The gate itself could not go on.
    func fail(_ why: String, reason: Reason) { record.fail(why, reason: reason) }

    /// The record, when no outcome was written: the connection needs an entry yet.
    var withoutOutcome: LoginRecord? { isWritten ? nil : record }

    /// A message of sshd for the gate's own log. From the first name on that is not an account, what sshd says is
    /// withheld: it repeats the name in many of its messages, and the name may be a password.
    func printable(_ message: String, _ event: SSHDLogEvent, _ accounts: AccountSnapshot) -> String {
        if let name = event.account, case .unknown = accounts.standing(of: name) { namesOnlyAccounts = false }
        guard namesOnlyAccounts else {
            return "(withheld: the user name is not an account's and may be a password)"
        }
        return UntrustedText.head(message, limit: 512)
    }
}
