// Diagnoses of SSH and SFTP: what was seen, what it means, and what to do about it.
import Admission

extension Diagnosis {
    static func notSSH(_ said: String, _ peer: Endpoint) -> Diagnosis {
        // A web server may answer a line that is not a request with a page alone.
        let low = said.lowercased()
        if said == "TLS" || ["http/", "<!doctype html", "<html"].contains(where: low.hasPrefix) {
            return Diagnosis(
                .notSSH, means: "\(peer) speaks \(said == "TLS" ? "TLS" : "HTTP"), not SSH",
                next:
                    "name the port of the SFTP listener (sftp.listen in the gate's settings), not of webhooks"
            )
        }
        return Diagnosis(
            .notSSH, means: "\(peer) does not begin with an SSH identification; it said \"\(said)\"",
            next: "compare the port with sftp.listen of the gate; a full server (MaxStartups) also answers so"
        )
    }

    /// Key exchange failed: because nothing is shared, when the offers show it.
    static func keyExchange(_ error: SSHError, _ session: SSHSession, _ limit: Duration) -> Diagnosis {
        let ours = session.ourOffer
        if let theirs = session.theirOffer, let field = ours.firstGap(to: theirs) {
            func list(_ offer: AlgorithmOffer) -> String {
                UntrustedText.head((offer.lists[field] ?? []).joined(separator: ","), limit: 400)
            }
            return Diagnosis(
                .sshNoCommonAlgorithm,
                means: "no common algorithm for \(field.words): the server offers \(list(theirs)), "
                    + "this side \(list(ours))",
                next:
                    "have the server offer one of this side's, too; callers with older or newer software "
                    + "can fail in the same way")
        }
        return broken("during the key exchange", error, session, limit)
    }

    /// The connection or the protocol failed in a step that has no diagnosis of its own for it.
    static func broken(
        _ when: String, _ error: SSHError, _ session: SSHSession, _ limit: Duration
    ) -> Diagnosis {
        if error.isTimeout { return noAnswer(when, limit) }
        if error.isClosed {
            return Diagnosis(
                .closedEarly, means: "\(session.socket.peer) closed the connection \(when) (\(error))",
                next:
                    "look into the server's log for the reason; a gate's is in `dropgate attempts --since 10m`"
            )
        }
        return Diagnosis(
            .sshFailed, means: "SSH failed \(when): \(error)",
            next: "look into the server's log for the reason")
    }

    /// A key that is not known ends a probe that was told which to expect, or that would send a password.
    static func hostKey(
        _ answer: HostKeyPins.Answer, _ key: HostKey, _ pins: HostKeyPins?, sendsPassword: Bool
    ) -> Diagnosis? {
        let shown = "\(key.type) \(key.fingerprint)"
        switch answer {
        case .pinned: return nil
        case .unknown:
            let why =
                pins.map { "\(UntrustedText.head($0.origin, limit: 200)) has no key of this host" }
                ?? "no --host-key or --known-hosts was given"
            let ends = pins != nil || sendsPassword
            return Diagnosis(
                .hostKeyUnknown, ends ? .critical : .warning,
                means: "the host key \(shown) is not verified: \(why)"
                    + (ends ? ". Nothing secret was sent" : ""),
                next:
                    "compare it with `ssh-keygen -lf ssh_host_ed25519_key.pub` in the gate's keys/, then "
                    + "pin it: --host-key \(key.fingerprint)")
        case .differs:
            let pinned = (pins?.fingerprints ?? []).sorted().joined(separator: ", ")
            let other =
                pins?.types.contains(key.type) == true
                ? ""
                : "; a pinned RSA key of the server is not compared: pin its \(key.type) key instead"
            return Diagnosis(
                .hostKeyChanged,
                means: "the host key is not the pinned one: the server shows \(shown), pinned is \(pinned); "
                    + "another machine answers, or its key was replaced. Nothing secret was sent",
                next:
                    "ask the gate's operator for its fingerprint by another way; pin the new one only if it "
                    + "is the same\(other)")
        case .revoked:
            return Diagnosis(
                .hostKeyChanged,
                means: "the host key \(shown) is marked as revoked in \(pins?.origin ?? "the file"). Nothing "
                    + "secret was sent",
                next: "do not use this server until its operator has given it a new key")
        }
    }

    static func login(
        _ error: SSHError, user: String, _ credential: SSHCredential, _ session: SSHSession, _ limit: Duration
    ) -> Diagnosis {
        let who = UntrustedText.head(user)
        switch credential {
        case .key(let file) where error.isKeyFile:
            return Diagnosis(
                .keyUnusable, means: "the key file \(UntrustedText.line(file.path)) cannot be used: \(error)",
                next: "give its passphrase with --passphrase-file, or a key in OpenSSH's or PEM format")
        case .key(let file) where error.isRefusal:
            let key = file.publicKey.map { "\($0.type) \($0.fingerprint)" } ?? UntrustedText.line(file.path)
            if file.isRSA {
                return Diagnosis(
                    .keyRefused,
                    means: "the key \(key) is refused for \(who); this program signs with RSA keys by SHA-1 "
                        + "only, which servers refuse",
                    next: "probe with an Ed25519 or ECDSA key")
            }
            return Diagnosis(
                .keyRefused, means: "the key \(key) is refused for \(who): no such account, or not its key",
                next: "compare with `dropgate account show \(who)` on the gate, add it with "
                    + "`dropgate account add`; the name must be the account's")
        case .password where error.isRefusal:
            return Diagnosis(
                .passwordRefused,
                means: "the password is refused for \(who): no such account, or not its password",
                next:
                    "check the name and the file of --password-file; on the gate: `dropgate account show \(who)`"
            )
        case .agent where error.isRefusal || error.isKeyFile:
            return Diagnosis(
                .keyRefused, means: "no key of the agent is taken for \(who): \(error)",
                next: "`ssh-add -l` lists its keys; compare with `dropgate account show \(who)` on the gate")
        default: return broken("at the login", error, session, limit)
        }
    }

    static func notOffered(_ method: String, _ offered: [String], user: String) -> Diagnosis {
        Diagnosis(
            .methodNotOffered,
            means: "the server does not offer \(method) to \(UntrustedText.head(user)), only "
                + (offered.isEmpty ? "nothing" : offered.joined(separator: ", ")),
            next: "use a credential of an offered kind, or have the account get one of this kind")
    }

    static func noCollector(_ user: String, _ target: SFTPTarget) -> Diagnosis {
        let who = UntrustedText.head(user)
        return Diagnosis(
            .noCollector,
            means: "the account \(who) of \(target.host) is not a collector: it has no drops to fetch",
            next:
                "make a collector's account: `dropgate account add NAME --role collector --collects ACCOUNT --key "
                + "FILE` on that gate, then pull as NAME")
    }

    private static let disabled = "this account was disabled"

    /// A request of SFTP that was not answered with yes. `errors` is the server's error stream.
    static func sftp(
        _ code: Code, _ what: String, _ error: SFTPError, errors: String, _ session: SSHSession,
        _ limit: Duration
    ) -> Diagnosis {
        if "\(error) \(errors)".contains(disabled) {
            return Diagnosis(
                .accountDisabled, means: "the credential is right, and the account is disabled (\(error))",
                next: "`dropgate account enable NAME` on the gate")
        }
        switch error {
        case .connection(let inner) where inner.isTimeout || inner.isClosed:
            return broken("at \(what)", inner, session, limit)
        case .status(let status, let text):
            return Diagnosis(code, means: "\(what) is refused: \(error)", next: advice(status, text))
        default:
            let words = errors.isEmpty ? "" : "; the server says \"\(errors)\""
            return Diagnosis(
                code, means: "\(what) failed: \(error)\(words)",
                next: "look into the server's log; the account must be allowed SFTP")
        }
    }

    private static func advice(_ status: UInt32, _ text: String) -> String {
        let low = text.lowercased()
        if status == 14 || status == 15 || ["space", "full", "quota"].contains(where: low.contains) {
            return
                "make room in the gate's staging, or lower staging.reserve: `df` on the gate shows what is free"
        }
        return switch status {
        case SFTPError.permissionDenied:
            "let the account write into its directory on the server; it may be read-only by its settings"
        case SFTPError.noSuchFile: "make the directory on the server, or leave it out of the URL"
        default:
            "ask the gate why: `dropgate attempts --since 10m --verdict rejected`; look at its log and free space"
        }
    }
}
