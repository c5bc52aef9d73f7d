// What a caller offered to be let in by, and why none of it was taken: for programs as words, for people as
// sentences that end in a next step. Pure.
import Accounts
import Admission
import JSON

/// Why a login failed. One connection may have several causes.
enum LoginCause: String, Sendable, CaseIterable {
    case signatureAlgorithmNotAccepted = "signature_algorithm_not_accepted"
    case keyTooShort = "key_too_short"
    /// A key of the account was offered, and no good signature by it came.
    case keyNotProven = "key_not_proven"
    case wrongKey = "wrong_key"
    case wrongPassword = "wrong_password"
    case accountHasNoPassword = "account_has_no_password"
    /// No account has one, so that sshd does not offer the method.
    case passwordNotOffered = "password_not_offered"
    case keyboardInteractiveOnly = "keyboard_interactive_only"
    case methodNotOffered = "method_not_offered"
    case methodNeverTried = "method_never_tried"
    case tooManyTries = "too_many_tries"
}

struct LoginOffer: Sendable {
    /// Keys and algorithms kept for the ledger; an agent may offer dozens.
    static let keptKeys = 16
    static let keptAlgorithms = 4

    /// sshd says which methods are asked for. Without (another version of sshd) nothing follows from silence.
    private var isHeard = false
    private var methods: Set<String> = []
    /// Fingerprints of keys that were not taken, in order, each once, and how many more there were.
    private(set) var refusedKeys: [String] = []
    private var moreRefusedKeys = 0
    /// Keys of the account.
    private var unprovenKeys: [String] = []
    private var refusedAlgorithms: [String] = []
    private var hasShortKey = false
    private var failedPasswords = 0
    private var hasTooManyTries = false

    mutating func note(_ event: SSHDLogEvent) {
        switch event {
        case .asked(_, let method):
            isHeard = true
            add(method ?? "")
        case .failed(let method, _, _, let fingerprint):
            add(String(method.prefix { $0 != "/" }))
            if method == "password" { failedPasswords += 1 }
            if let fingerprint { addRefused(fingerprint) }
        case .keyFound(let fingerprint):
            if unprovenKeys.count < Self.keptKeys, !unprovenKeys.contains(fingerprint) {
                unprovenKeys.append(fingerprint)
            }
        case .algorithmRefused(let name):
            let name = UntrustedText.head(name)
            if refusedAlgorithms.count < Self.keptAlgorithms, !refusedAlgorithms.contains(name) {
                refusedAlgorithms.append(name)
            }
        case .keyTooShort: hasShortKey = true
        case .tooManyTries: hasTooManyTries = true
        default: break
        }
    }

    /// The caller has shown that it holds a key.
    mutating func proved(_ fingerprint: String) { unprovenKeys.removeAll { $0 == fingerprint } }

    /// OpenSSH's own form of "publickey", whose signature names the host key, too (PROTOCOL, 3.1, of OpenSSH).
    private static let hostBoundKey = "publickey-hostbound-v00@openssh.com"

    /// Words of the protocol (RFC 4252, 4256, 4462); a caller may send any other.
    private static let knownMethods: Set<String> = [
        "publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic", "gssapi-keyex",
    ]

    /// "none" only asks which methods there are.
    private mutating func add(_ method: String) {
        guard method != "none" else { return }
        let method = method == Self.hostBoundKey ? "publickey" : method
        methods.insert(Self.knownMethods.contains(method) ? method : "other")
    }

    private mutating func addRefused(_ fingerprint: String) {
        guard !refusedKeys.contains(fingerprint) else { return }
        if refusedKeys.count < Self.keptKeys {
            refusedKeys.append(UntrustedText.head(fingerprint))
        } else {
            moreRefusedKeys += 1
        }
    }

    private var wrongKeys: [String] { refusedKeys.filter { !unprovenKeys.contains($0) } }

    /// Members of an entry's detail. `methods` is there and empty where the caller tried none.
    var detail: [String: JSONValue] {
        func list(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
        var detail: [String: JSONValue] = [:]
        if isHeard || !methods.isEmpty { detail["methods"] = list(methods.sorted()) }
        if !refusedKeys.isEmpty { detail["refused_keys"] = list(refusedKeys) }
        if moreRefusedKeys > 0 { detail["more_refused_keys"] = .int(Int64(moreRefusedKeys)) }
        if !unprovenKeys.isEmpty { detail["unproven_keys"] = list(unprovenKeys) }
        if !refusedAlgorithms.isEmpty { detail["refused_algorithms"] = list(refusedAlgorithms) }
        return detail
    }

    /// Why an account of the gate was not let in. `account`: as it is now; nil where it is none any more.
    func causes(account: Account?, offersPasswords: Bool) -> [LoginCause] {
        var causes: [LoginCause] = []
        if !refusedAlgorithms.isEmpty { causes.append(.signatureAlgorithmNotAccepted) }
        if hasShortKey { causes.append(.keyTooShort) }
        if !unprovenKeys.isEmpty { causes.append(.keyNotProven) }
        if !wrongKeys.isEmpty { causes.append(.wrongKey) }
        if methods.contains("password"), !offersPasswords {
            causes.append(.passwordNotOffered)
        } else if failedPasswords > 0 {
            let hasNone = account.map { $0.passwordHash == nil } ?? false
            causes.append(hasNone ? .accountHasNoPassword : .wrongPassword)
        }
        if methods == ["keyboard-interactive"] {
            causes.append(.keyboardInteractiveOnly)
        } else if !methods.isEmpty, methods.isDisjoint(with: ["publickey", "password"]) {
            causes.append(.methodNotOffered)
        }
        if isHeard, methods.isEmpty { causes.append(.methodNeverTried) }
        if hasTooManyTries { causes.append(.tooManyTries) }
        return causes
    }

    /// A cause and what to do about it.
    func sentence(_ cause: LoginCause, accounts: AccountSnapshot) -> String {
        switch cause {
        case .signatureAlgorithmNotAccepted:
            "the caller signs by \(refusedAlgorithms.map(Self.spoken).joined(separator: ", ")), which the gate does "
                + "not accept: update its SSH library, or give it an Ed25519 or ECDSA key and add that to the account"
        case .keyTooShort:
            "the caller offered an RSA key of less than \(AuthorizedKey.rsaBits.lowerBound) bits: give it an "
                + "Ed25519 key and add that to the account"
        case .keyNotProven:
            "the caller offered a key of the account and did not prove that it holds it: see whether it can read "
                + "the private key, and knows its passphrase"
        case .wrongKey:
            wrongKeys.count + moreRefusedKeys == 1
                ? "the key that was offered is none of the account: compare the fingerprints, then add the key "
                    + "to the account or have the caller use the right one"
                : "none of the \(wrongKeys.count + moreRefusedKeys) keys that were offered is one of the account: "
                    + "compare the fingerprints, then add one to the account or have the caller use the right one"
        case .wrongPassword: "the password was wrong: correct it at the caller"
        case .accountHasNoPassword:
            "the caller showed a password and the account has none: give it a password, or have the caller use a key"
        case .passwordNotOffered:
            "the caller showed a password and the gate takes none, because no account has one: have it use a key"
        case .keyboardInteractiveOnly:
            "the caller tried keyboard-interactive only, which the gate does not offer: have it use "
                + Self.offered(accounts)
        case .methodNotOffered:
            "the caller tried only methods that the gate does not offer: have it use \(Self.offered(accounts))"
        case .methodNeverTried:
            "the caller named the account and tried neither a key nor a password: the gate takes "
                + "\(Self.offered(accounts)), set one at the caller"
        case .tooManyTries: "it had too many tries: have the caller offer the right key first"
        }
    }

    /// The name alone does not tell that it is the digest, not the key, that is too old.
    private static func spoken(_ algorithm: String) -> String {
        algorithm == "ssh-rsa" ? "ssh-rsa (RSA with SHA-1)" : algorithm
    }

    private static func offered(_ accounts: AccountSnapshot) -> String {
        accounts.hasPasswords ? "a key or the method password" : "a key"
    }
}

extension AccountSnapshot {
    /// Whether any account has one: then sshd offers the method to all.
    var hasPasswords: Bool { accounts.values.contains { $0.passwordHash != nil } }
}
