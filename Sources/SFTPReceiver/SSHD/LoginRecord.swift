// What a connection came to before a login, gathered from sshd's events, and the one entry the ledger gets for a
// connection that ended without one. Pure; it never learns an address from the log.
import Accounts
import Admission
import JSON
import Ledger

/// The events of one connection up to its login or its end.
struct LoginRecord: Sendable {
    /// The name the caller gave, as given.
    private(set) var name: String?
    private var isKnown = true
    private var tries = 0
    /// Names of other accounts than `name` never come: sshd ends a connection that changes its name.
    private(set) var offer = LoginOffer()
    private var refusal: Refusal?
    private var ending: Ending?
    /// What sshd said last that explains the end.
    private var message: String?
    /// How long the connection waited before sshd got it.
    private var held = Duration.zero
    /// False: its source is let in by key only, because of wrong passwords.
    private var takesPasswords = true

    private enum Ending: Sendable { case handshake, timeout, failed(Reason) }

    /// What sshd took and the gate did not, and the decision of that moment.
    private struct Refusal: Sendable {
        var credential: Credential
        var decision: Decision
    }

    mutating func note(_ event: SSHDLogEvent) {
        name = name ?? event.account
        offer.note(event)
        switch event {
        case .failed(let method, _, let isKnown, _):
            self.isKnown = isKnown
            // "none" only asks which methods there are.
            if method != "none" { tries += 1 }
        case .algorithmRefused, .keyTooShort:
            tries += 1
        case .unknownAccount:
            isKnown = false
        case .leftWhileAuthenticating(_, let isKnown):
            self.isKnown = self.isKnown && isKnown
        case .negotiationFailed(let text), .protocolFailed(let text):
            ending = ending ?? .handshake
            message = message ?? text
        case .closedEarly(let text):
            message = message ?? text
        case .timedOut:
            ending = .timeout
        case .began, .unable, .accepted, .asked, .keyFound, .tooManyTries, .tooManySessions, .other:
            break
        }
    }

    /// The connection was made to wait, and may show a password or not.
    mutating func slow(_ pace: Pace) {
        held = pace.hold
        takesPasswords = pace.takesPasswords
    }

    /// Wrong passwords of its source have become too many: it is cut off.
    mutating func limit() {
        ending = .failed(.rateLimited)
        takesPasswords = false
    }

    /// sshd let the account in, and the gate did not.
    mutating func refuse(
        _ account: String, _ credential: Credential, _ withdrawal: LoginRevocation, _ decision: Decision
    ) {
        name = account
        if case .key(let fingerprint) = credential { offer.proved(fingerprint) }
        refusal = Refusal(credential: credential, decision: decision)
        ending = .failed(withdrawal.reason)
        message = withdrawal.message
    }

    /// The gate itself could not go on.
    mutating func fail(_ why: String, reason: Reason) {
        ending = .failed(reason)
        message = why
    }

    /// How the process of sshd ended.
    struct End: Sendable {
        /// nil: it has not ended yet, or was not started.
        var sshd: SSHDEnding?
        /// How long the connection was there without a login.
        var elapsed: Duration
        var loginGrace: Duration
        /// The gate ended it, because it is stopping.
        var isHungUp = false
    }

    /// What sshd 9.8 and newer exit with when the time to log in is over; older ones say nothing at all.
    private static let graceStatus: Int32 = 3

    /// The ledger's entry for a connection that ended without a login. `decision` and `accounts` are those of its
    /// end; a login that the gate refused keeps the decision of its own moment.
    func failure(_ decision: Decision, end: End, accounts: AccountSnapshot, names: TypedNames) -> Attempt {
        let decision = refusal?.decision ?? decision
        var attempt = Attempt(kind: .login, channel: .sftp, decision: decision)
        let reason = reason(end, accounts)
        attempt.verdict = .rejected
        attempt.reason = reason
        let isOfTheGate = [.stopped, .ledgerFailed, .sshdFailed].contains(reason)
        if !decision.isAdmitted, !isOfTheGate, reason != decision.reason {
            // Whoever is not let in is told from a listed caller that fails.
            attempt.reason = decision.reason
            attempt.detail["ended_by"] = .string(reason.rawValue)
        }
        attempt.credential = refusal?.credential.description ?? offer.refusedKeys.first
        if let name {
            attempt.detail["failed_tries"] = .int(Int64(tries))
            attempt.detail.merge(offer.detail) { old, _ in old }
            if isAccount(name, accounts) {
                attempt.account = UntrustedText.head(name)
            } else {
                attempt.detail["user_name"] = names.facts(name)
            }
        }
        if held > .zero { attempt.detail["held_ms"] = .int(held.milliseconds) }
        explain(reason, end, accounts, &attempt)
        return attempt
    }

    /// The causes for programs, and a sentence with the next step for people.
    private func explain(
        _ reason: Reason, _ end: End, _ accounts: AccountSnapshot, _ attempt: inout Attempt
    ) {
        let account = name.flatMap { accounts.accounts[$0] }
        var sentence = message
        switch reason {
        case .stopped: sentence = "the gate was stopped"
        case .unknownAccount where refusal == nil:
            sentence =
                "no account of the gate has the user name that was sent: correct it at the caller, or make the "
                + "account (dropgate account add); the name is not kept, because people type passwords there"
        case .rateLimited:
            sentence =
                "too many wrong passwords came from this address, which is let in by key only until they are "
                + "forgotten, one every \(PasswordTries.forgetting.components.seconds) s: correct the password "
                + "that is stored at the caller"
        case .authFailed where refusal == nil, .timeout where account != nil:
            let causes = offer.causes(account: account, offersPasswords: accounts.hasPasswords)
            if !causes.isEmpty { attempt.detail["causes"] = .array(causes.map { .string($0.rawValue) }) }
            let said = causes.map { offer.sentence($0, accounts: accounts) }.joined(separator: "; ")
            if reason == .timeout {
                sentence = "no login came in time" + (said.isEmpty ? "" : ": " + said)
            } else {
                sentence = said.isEmpty ? "the caller left before its login was decided" : said
            }
            if account?.disabled == true { attempt.detail["account_disabled"] = true }
        case .timeout where message == nil:
            sentence = "no login came in time"
        case .handshakeFailed where message == nil:
            sentence = end.sshd.map { "sshd \($0), and did not say why" }
        default: break
        }
        if let sentence { attempt.detail["message"] = .string(UntrustedText.head(sentence, limit: 1024)) }
    }

    /// Whether a name may be written down. With a credential that sshd took it was an account just now.
    private func isAccount(_ name: String, _ accounts: AccountSnapshot) -> Bool {
        if refusal != nil { return true }
        if case .unknown = accounts.standing(of: name) { return false }
        return true
    }

    /// The ledger's entry for a login: the decision's own verdict, with what had been tried before.
    func success(_ decision: Decision, account: String, credential: Credential, method: String) -> Attempt {
        var attempt = Attempt(kind: .login, channel: .sftp, decision: decision)
        attempt.account = account
        attempt.credential = credential.description
        attempt.detail["method"] = .string(UntrustedText.head(method))
        if tries > 0 { attempt.detail["failed_tries"] = .int(Int64(tries)) }
        if held > .zero { attempt.detail["held_ms"] = .int(held.milliseconds) }
        return attempt
    }

    private func reason(_ end: End, _ accounts: AccountSnapshot) -> Reason {
        let isLate = end.sshd == .exit(status: Self.graceStatus) || end.elapsed >= end.loginGrace
        switch ending {
        case .failed(let reason): return reason
        // Who tried, was refused and stayed, was refused; who did nothing came too late.
        case .timeout where tries == 0: return .timeout
        case nil where isLate && tries == 0: return .timeout
        default: break
        }
        guard let name else { return end.isHungUp ? .stopped : .handshakeFailed }
        let isAccount = isAccount(name, accounts)
        if isAccount, tries == 0, end.isHungUp { return .stopped }
        guard takesPasswords else { return .rateLimited }
        return isAccount && isKnown ? .authFailed : .unknownAccount
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
