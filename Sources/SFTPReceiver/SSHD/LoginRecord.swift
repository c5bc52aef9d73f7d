// What a connection came to before a login, gathered from sshd's events, and the one sentence the ledger
// gets for a connection that ended without one. Pure; it never learns an address from the log.
import Admission
import Ledger

/// The events of one connection up to its login or its end.
struct LoginRecord: Sendable {
    /// The name the caller gave, as given.
    private var name: String?
    private var isKnown = true
    private var tries = 0
    private var methods: Set<String> = []
    /// Fingerprints of keys that were offered and not taken, in order, each once.
    private var refusedKeys: [String] = []
    /// What sshd took and the gate did not.
    private var credential: Credential?
    private var ending: Ending?
    /// What sshd said last that explains the end.
    private var message: String?

    private enum Ending: Sendable { case handshake, timeout, failed(Reason) }

    /// Keys kept for the ledger; an agent may offer dozens.
    private static let keptKeys = 8

    mutating func note(_ event: SSHDLogEvent) {
        switch event {
        case .failed(let method, let account, let isKnown, let fingerprint):
            name = account
            self.isKnown = isKnown
            // "none" only asks which methods there are.
            guard method != "none" else { return }
            tries += 1
            methods.insert(method)
            if let fingerprint, !refusedKeys.contains(fingerprint) { refusedKeys.append(fingerprint) }
        case .unknownAccount(let account):
            name = account
            isKnown = false
        case .tooManyTries(let account):
            name = account
            message = "too many attempts"
        case .leftWhileAuthenticating(let account, let isKnown):
            name = name ?? account
            self.isKnown = self.isKnown && isKnown
        case .negotiationFailed(let text), .protocolFailed(let text):
            ending = ending ?? .handshake
            message = message ?? text
        case .closedEarly(let text):
            message = message ?? text
        case .timedOut:
            ending = .timeout
        case .accepted, .tooManySessions, .other:
            break
        }
    }

    /// sshd let the account in, and the gate did not.
    mutating func refuse(_ account: String, _ credential: Credential, _ withdrawal: Withdrawal) {
        name = account
        self.credential = credential
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
        /// Its exit status; nil when a signal ended it.
        var status: Int32?
        /// How long the connection was there without a login.
        var elapsed: Duration
        var loginGrace: Duration
        /// The gate ended it, because it is stopping.
        var isHungUp = false
    }

    /// What sshd 9.8 and newer exit with when the time to log in is over; older ones say nothing at all.
    private static let graceStatus: Int32 = 3

    /// The ledger's entry for a connection that ended without a login.
    func failure(_ decision: Decision, end: End, accounts: AccountSnapshot) -> Attempt {
        var attempt = Attempt(kind: .login, channel: .sftp, decision: decision)
        attempt.verdict = .rejected
        attempt.reason = reason(end, accounts)
        attempt.account = name.map { OutsideText.head($0) }
        attempt.credential = credential?.description ?? refusedKeys.first
        if attempt.reason == .authFailed, let name, case .disabled = accounts.standing(of: name) {
            attempt.detail["account_disabled"] = true
        }
        attempt.detail.merge(detail) { old, _ in old }
        if let message = attempt.reason == .stopped ? "the gate was stopped" : message {
            attempt.detail["message"] = .string(OutsideText.head(message, limit: 256))
        }
        return attempt
    }

    /// The ledger's entry for a login: the decision's own verdict, with what had been tried before.
    func success(_ decision: Decision, account: String, credential: Credential, method: String) -> Attempt {
        var attempt = Attempt(kind: .login, channel: .sftp, decision: decision)
        attempt.account = account
        attempt.credential = credential.description
        attempt.detail["method"] = .string(OutsideText.head(method))
        if tries > 0 { attempt.detail["failed_tries"] = .int(Int64(tries)) }
        return attempt
    }

    private func reason(_ end: End, _ accounts: AccountSnapshot) -> Reason {
        let isLate = end.status == Self.graceStatus || end.elapsed >= end.loginGrace
        switch ending {
        case .failed(let reason): return reason
        case .timeout: return .timeout
        case nil where isLate: return .timeout
        default: break
        }
        guard let name else { return end.isHungUp ? .stopped : .handshakeFailed }
        if case .unknown = accounts.standing(of: name) { return .unknownAccount }
        if tries == 0, end.isHungUp { return .stopped }
        return isKnown ? .authFailed : .unknownAccount
    }

    private var detail: [String: JSONValue] {
        var detail: [String: JSONValue] = [:]
        if name != nil { detail["failed_tries"] = .int(Int64(tries)) }
        if !methods.isEmpty {
            detail["methods"] = .array(methods.sorted().map { .string(OutsideText.head($0)) })
        }
        if refusedKeys.count > 1 {
            detail["refused_keys"] = .array(
                refusedKeys.prefix(Self.keptKeys).map { .string(OutsideText.head($0)) })
        }
        return detail
    }
}
