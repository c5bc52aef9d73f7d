// The problems of a gate that runs, and what to do about each. Whoever adds a problem says here what a person does then.

package enum HealthProblem: String, Sendable, CaseIterable {
    case space, ledger, staging, release, lost, pull, settling, withdrawal, sealing, retention, checkpoint,
        witness,
        forwarding, sources
    case certificate = "webhook_certificate"
    case certificateExpired = "webhook_certificate_expired"
    case consoleCertificate = "console_certificate"
    case consoleCertificateExpired = "console_certificate_expired"
    case accounts = "sftp.accounts"
    case wrapper = "sftp.nss_wrapper"
    case sshd = "sftp.sshd"
    case session = "sftp.session"
    case tokens = "console.tokens"
    case sockets

    /// What to do about a problem by its name in `Health`.
    package static func fix(for name: String) -> String {
        HealthProblem(rawValue: name)?.fix ?? "check the gate's log (journalctl -u dropgate)"
    }

    package var fix: String {
        switch self {
        case .space:
            "make room on that filesystem, or lower staging.reserve; `dropgate drops list --waiting` shows what waits for its "
                + "consumer"
        case .ledger:
            "check the disk and the modes of the ledger's directory; the gate tries each second, and accepts again once that "
                + "works"
        case .staging, .release, .settling, .withdrawal:
            "check that the staging directory is the gate's, writable and not full, and that each directory in it exists and is a real "
                + "directory, not a link or a file; what was accepted is kept and tried again"
        case .lost:
            "find out who removes files below incoming/ of staging; `dropgate drops list --state lost` names the drops, and "
                + "their sender must send them again (for one with an `origin`, first check whether that gate still has it); this is shown "
                + "until the gate is restarted"
        case .pull:
            "run `dropgate pull` again: it asks the other gate, and releases these drops or puts them into quarantine; if it "
                + "can no longer be asked, find out there (`dropgate drops show ID`, or its ledger) whether each drop was "
                + "acknowledged for this gate; if so, `dropgate drops release ID` here, if not, `dropgate drops withdraw ID`"
        case .sealing, .checkpoint:
            "check the disk of the ledger, and that its files are the gate's; the problem ends by itself once that works "
                + "again; if the message says that entries were altered, run: dropgate ledger verify"
        case .retention:
            "check that the staging directory is the gate's and writable; the gate tries again each minute"
        case .witness:
            "check that the witness is up and takes what the gate sends; it gets the next checkpoint by itself"
        case .forwarding:
            "check that the receiver is up and reads; the ledger keeps what waits, and forwarding resumes by itself"
        case .sources:
            "fix the source list, then run: dropgate serve --check; the gate picks it up within seconds"
        case .certificate, .certificateExpired:
            "put a good certificate and its key in place (webhook.tls); the gate picks them up within seconds"
        case .consoleCertificate, .consoleCertificateExpired:
            "put a good certificate and its key in place (console.tls); the gate picks them up within seconds"
        case .sockets:
            "move away what lies in the socket's place, or end the process that listens there (`ss -xlp`), if the message says so; check "
                + "that its directory is the gate's and that its disk is not full; the gate makes the socket anew within a second"
        case .tokens: "revoke those tokens and make new ones; `dropgate token list` names them"
        case .accounts: "fix the account files, then run: dropgate account list"
        case .wrapper: "apt-get install libnss-wrapper, then restart the gate"
        case .session:
            "restart the gate: systemctl restart dropgate; if the message says that the program is gone, install dropgate again "
                + "first"
        case .sshd:
            "fix what sshd reports, then check with `dropgate doctor` that OpenSSH and the host keys are well; this problem ends "
                + "with the next login, or within a minute"
        }
    }
}

extension Health {
    /// Of a local socket that callers do not find; nil: they do. Returns whether that is news.
    package func tell(socket path: String, _ message: String?) -> Bool {
        let problem = HealthProblem.sockets.rawValue
        guard let message else { return clear(problem: problem, of: path) }
        return set(problem: problem, of: path, message: message)
    }
}
