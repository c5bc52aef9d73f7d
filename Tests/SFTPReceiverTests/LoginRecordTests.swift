// What the ledger gets for a connection: reason, causes, names that may and may not be written, decisions.
import Admission
import JSON
import Ledger
import Testing

@testable import Accounts
@testable import SFTPReceiver

@Suite struct LoginRecordTests {
    private static let decision = Decision(
        verdict: .accepted, reason: .listed, source: nil, peer: nil, mode: .direct, entries: ["l/s"],
        policy: "p", chain: nil, trace: [])
    private static let withdrawn = Decision(
        verdict: .rejected, reason: .notListed, source: nil, peer: nil, mode: .direct, entries: [],
        policy: "q", chain: nil, trace: ["no entry"])
    private static let names = TypedNames()

    private static func accounts(passwords: Bool = true) throws -> AccountSnapshot {
        let hash = passwords ? try PasswordHash(hash: "$6$salt$" + String(repeating: "a", count: 86)) : nil
        return AccountSnapshot(accounts: [
            "acme": try Account(name: "acme", keys: [], passwordHash: hash),
            "keyed": try Account(name: "keyed", keys: []),
            "old": try Account(name: "old", keys: [], disabled: true),
        ])
    }

    private func failure(
        _ events: [SSHDLogEvent], status: Int32? = 255, elapsed: Duration = .seconds(1),
        decision: Decision = Self.decision, passwords: Bool = true, isHungUp: Bool = false,
        _ change: (inout LoginRecord) -> Void = { _ in }
    ) throws -> Attempt {
        var record = LoginRecord()
        for event in events { record.note(event) }
        change(&record)
        return record.failure(
            decision,
            end: .init(
                sshd: SSHDEnding(status: status), elapsed: elapsed, loginGrace: .seconds(30),
                isHungUp: isHungUp),
            accounts: try Self.accounts(passwords: passwords), names: Self.names)
    }

    private static let left = SSHDLogEvent.leftWhileAuthenticating(account: "acme", isKnown: true)

    private static let outcomes: [([SSHDLogEvent], Int32, Int, Reason, String?)] = [
        ([], 255, 1, Reason.handshakeFailed, nil),
        ([SSHDLogEvent.closedEarly("x")], 255, 1, .handshakeFailed, nil),
        ([.negotiationFailed("no matching cipher")], 255, 1, .handshakeFailed, nil),
        ([.protocolFailed("GET /")], 255, 1, .handshakeFailed, nil),
        ([left], 255, 1, .authFailed, "acme"),
        (
            [.failed(method: "password", account: "acme", isKnown: true, fingerprint: nil)], 255, 1,
            .authFailed, "acme"
        ),
        ([.unknownAccount("nobody")], 255, 1, .unknownAccount, nil),
        ([.asked(account: "nobody", method: "none")], 255, 1, .unknownAccount, nil),
        (
            [.failed(method: "publickey", account: "old", isKnown: true, fingerprint: "SHA256:x")], 255, 1,
            .authFailed, "old"
        ),
        // Without libnss-wrapper sshd knows the system's users; the gate does not.
        ([.leftWhileAuthenticating(account: "root", isKnown: true)], 255, 1, .unknownAccount, nil),
        ([.timedOut], 255, 1, .timeout, nil),
        ([.unknownAccount("nobody"), .timedOut], 255, 1, .timeout, nil),
        ([], 3, 1, .timeout, nil),
        ([], 1, 30, .timeout, nil),
        ([left], 1, 31, .timeout, "acme"),
        // Who was refused and stays is no late caller.
        (
            [.failed(method: "password", account: "acme", isKnown: true, fingerprint: nil), .timedOut], 255,
            1, .authFailed, "acme"
        ),
    ]

    @Test("The reason of a connection without login follows from what sshd said", arguments: outcomes)
    func reasons(events: [SSHDLogEvent], status: Int32, elapsed: Int, reason: Reason, account: String?) throws
    {
        let attempt = try failure(events, status: status, elapsed: .seconds(elapsed))
        #expect(attempt.verdict == .rejected)
        #expect(attempt.reason == reason)
        #expect(attempt.account == account)
        #expect(attempt.entries == ["l/s"])
    }

    @Test("What the gate's own sshd could not do is not told of its caller, whatever that did")
    func ofTheGate() throws {
        for events in [[], [Self.left], [.unknownAccount("nobody")]] as [[SSHDLogEvent]] {
            let attempt = try failure(events) { $0.fail("sshd is broken", reason: .sshdFailed) }
            #expect(attempt.reason == .sshdFailed)
            #expect(attempt.detail["message"] == .string("sshd is broken"))
        }
    }

    private static func asked(_ methods: String...) -> [SSHDLogEvent] {
        methods.map { .asked(account: "acme", method: $0) }
    }

    private static func failed(_ method: String, _ key: String? = nil) -> SSHDLogEvent {
        .failed(method: method, account: "acme", isKnown: true, fingerprint: key)
    }

    private static let explained: [([SSHDLogEvent], [String], [String], String)] = [
        (asked("none") + [left], ["method_never_tried"], [], "a key or the method password"),
        (
            asked("none", "keyboard-interactive"), ["keyboard_interactive_only"], ["keyboard-interactive"],
            "have it use"
        ),
        (asked("hostbased", "s3cret"), ["method_not_offered"], ["hostbased", "other"], "have it use"),
        (
            asked("none", "publickey") + [.algorithmRefused("ssh-rsa")], ["signature_algorithm_not_accepted"],
            ["publickey"], "ssh-rsa (RSA with SHA-1)"
        ),
        (asked("publickey") + [.keyTooShort], ["key_too_short"], ["publickey"], "2048 bits"),
        (
            asked("publickey") + [.keyFound(fingerprint: "SHA256:x")], ["key_not_proven"], ["publickey"],
            "passphrase"
        ),
        (
            asked("publickey-hostbound-v00@openssh.com") + [failed("publickey", "SHA256:x")], ["wrong_key"],
            ["publickey"], "the key that was offered is none"
        ),
        (
            asked("publickey", "password") + [failed("publickey", "SHA256:x"), failed("password")],
            ["wrong_key", "wrong_password"], ["password", "publickey"], "the key that was offered is none"
        ),
        (
            asked("publickey") + [failed("publickey", "SHA256:x"), failed("publickey", "SHA256:y")],
            ["wrong_key"], ["publickey"], "none of the 2 keys"
        ),
        (
            asked("password") + [failed("password"), .tooManyTries(account: "acme")],
            ["wrong_password", "too_many_tries"], ["password"], "the password was wrong"
        ),
        // It asked, and left before sshd had looked: nothing is said that is not known.
        (asked("publickey"), [], ["publickey"], "left before its login was decided"),
    ]

    @Test("Where sshd does not say why it ended, the entry says how it ended")
    func silentEnd() throws {
        let attempt = try failure([])
        #expect(
            attempt.detail["message"]?.string == "sshd ended with exit status 255, and did not say why")
        #expect(
            try failure([], status: nil).detail["message"]?.string
                == "sshd was ended by a signal, and did not say why")
    }

    @Test("A failed login says what was tried, why it failed, and what to do", arguments: explained)
    func explains(events: [SSHDLogEvent], causes: [String], methods: [String], hint: String) throws {
        let attempt = try failure(events)
        #expect((attempt.detail["causes"]?.array ?? []).compactMap(\.string) == causes)
        #expect(attempt.detail["methods"]?.array?.compactMap(\.string) == methods)
        #expect(attempt.detail["message"]?.string?.contains(hint) == true)
    }

    @Test("Silence of a sshd that does not log requests is not taken for a caller that tried nothing")
    func silence() throws {
        let attempt = try failure([Self.left])
        #expect(attempt.detail["causes"] == nil && attempt.detail["methods"] == nil)
    }

    @Test("A password where none is to be had is told from a wrong one")
    func noPassword() throws {
        let none = try failure(Self.asked("password") + [Self.left], passwords: false)
        #expect(none.detail["causes"] == ["password_not_offered"])
        let other = try failure([
            .asked(account: "keyed", method: "password"),
            .failed(method: "password", account: "keyed", isKnown: true, fingerprint: nil),
        ])
        #expect(other.detail["causes"] == ["account_has_no_password"])
    }

    @Test("Every key is named, to a bound; the rest is counted")
    func manyKeys() throws {
        let keys = (0..<40).map { "SHA256:\($0)" }
        let attempt = try failure(
            Self.asked("publickey") + (keys + keys.prefix(3)).map { Self.failed("publickey", $0) })
        #expect(
            attempt.detail["refused_keys"]?.array?.compactMap(\.string)
                == Array(keys.prefix(LoginOffer.keptKeys)))
        #expect(attempt.detail["more_refused_keys"] == .int(Int64(40 - LoginOffer.keptKeys)))
        #expect(attempt.detail["failed_tries"] == 43)
        #expect(attempt.credential == "SHA256:0")
        let algorithms = try failure(
            (0..<9).map { .algorithmRefused("\(String(repeating: "a", count: 999))\($0)") } + [Self.left])
        #expect(algorithms.detail["refused_algorithms"]?.array?.count == 1)
    }

    @Test(
        "What is no account's name is kept as digest and length, and nowhere in the entry itself",
        arguments: ["hunter2", "", "p\u{E4}ss\\\n", "ACME", "acme ", "acme\0"])
    func typedNames(name: String) throws {
        let events: [SSHDLogEvent] = [
            .asked(account: name, method: "password"), .unknownAccount(name),
            .failed(method: "password", account: name, isKnown: false, fingerprint: nil),
            .tooManyTries(account: name), .leftWhileAuthenticating(account: name, isKnown: false),
        ]
        for attempt in [
            try failure(events), try failure(events, elapsed: .seconds(99)),
            try failure(events, decision: Self.withdrawn), try failure(events) { $0.limit() },
            try failure(events, isHungUp: true),
        ] {
            #expect(attempt.account == nil)
            let facts = try #require(attempt.detail["user_name"])
            #expect(facts["length"] == .int(Int64(name.utf8.count)))
            #expect(facts["hmac_sha256"]?.string?.utf8.count == 64)
            #expect(facts == Self.names.facts(name) && facts != TypedNames().facts(name))
            let text = String(decoding: CanonicalJSON.encode(.object(attempt.detail)), as: UTF8.self)
            #expect(!text.contains("hunter2") && !text.contains("ACME"))
        }
    }

    @Test("Two names differ, one name is the same each time, and none is a plain SHA-256")
    func digests() {
        #expect(Self.names.facts("a") == Self.names.facts("a"))
        #expect(Self.names.facts("a")["hmac_sha256"] != Self.names.facts("b")["hmac_sha256"])
        let plain = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
        #expect(Self.names.facts("a")["hmac_sha256"]?.string != plain)
    }

    @Test(
        "The right credential of a disabled account is account_disabled, a wrong one auth_failed with a mark")
    func disabled() throws {
        let tried = SSHDLogEvent.failed(
            method: "publickey", account: "old", isKnown: true, fingerprint: "SHA256:x")
        let wrong = try failure([tried])
        #expect(wrong.reason == .authFailed && wrong.detail["account_disabled"] == true)
        let right = try failure([tried, .keyFound(fingerprint: "SHA256:y")]) {
            $0.refuse("old", .key(fingerprint: "SHA256:y"), .disabled, Self.decision)
        }
        #expect(right.reason == .accountDisabled && right.credential == "SHA256:y")
        #expect(right.detail["message"] == "this account was disabled")
        #expect(right.detail["unproven_keys"] == nil)
    }

    @Test("A login from an address that is not let in any more has the decision of its moment")
    func withdrawnSource() throws {
        let attempt = try failure([]) {
            $0.refuse("acme", .password, .source(.notListed), Self.withdrawn)
        }
        #expect(attempt.reason == .notListed && attempt.policy == "q" && attempt.entries.isEmpty)
        #expect(attempt.account == "acme" && attempt.credential == "password")
        #expect(attempt.detail["message"] == "the gate does not let this address in any more")
        #expect(attempt.detail["ended_by"] == nil && attempt.detail["trace"] == ["no entry"])
    }

    @Test("A login that failed by itself has the decision of its end; the source comes first")
    func failedMeanwhile() throws {
        let attempt = try failure([Self.left], decision: Self.withdrawn)
        #expect(attempt.reason == .notListed && attempt.policy == "q")
        #expect(attempt.detail["ended_by"] == "auth_failed")
        let stopped = try failure([], decision: Self.withdrawn, isHungUp: true)
        #expect(stopped.reason == .stopped && stopped.detail["ended_by"] == nil)
    }

    @Test("Who may show no password, or is cut off, is rate_limited")
    func limited() throws {
        let keysOnly = Pace(hold: .zero, takesPasswords: false)
        let slowed = try failure(Self.asked("none", "password") + [Self.left]) { $0.slow(keysOnly) }
        #expect(slowed.reason == .rateLimited && slowed.account == "acme")
        #expect(slowed.detail["message"]?.string?.contains("by key only") == true)
        let unknown = try failure([.unknownAccount("x")]) { $0.slow(keysOnly) }
        #expect(unknown.reason == .rateLimited && unknown.account == nil)
        let cut = try failure([Self.failed("password")], isHungUp: true) { $0.limit() }
        #expect(cut.reason == .rateLimited)
        // What is no login is none of that.
        #expect(try failure([.closedEarly("x")]) { $0.slow(keysOnly) }.reason == .handshakeFailed)
    }

    @Test("A login keeps the decision's verdict and counts what was tried before")
    func success() {
        var record = LoginRecord()
        record.note(.failed(method: "publickey", account: "acme", isKnown: true, fingerprint: "SHA256:x"))
        record.slow(Pace(hold: .seconds(2), takesPasswords: true))
        let attempt = record.success(
            Self.decision, account: "acme", credential: .key(fingerprint: "SHA256:y"), method: "publickey")
        #expect(attempt.verdict == .accepted)
        #expect(attempt.reason == .listed)
        #expect(attempt.credential == "SHA256:y")
        #expect(attempt.detail["failed_tries"] == 1 && attempt.detail["held_ms"] == 2000)
    }
}

@Suite struct LoginLogTests {
    @Test("The gate's own log repeats sshd as long as every name is an account's, and then no more")
    func printable() async throws {
        let accounts = AccountSnapshot(accounts: ["acme": try Account(name: "acme", keys: [])])
        let messages = [
            "Connection from 127.0.0.1 port 5 on 127.0.0.1 port 6",
            "Failed password for acme from 127.0.0.1 port 5 ssh2",
            "debug1: auth2.c:input_userauth_request():278 (pid=2): userauth-request for user hunter2 service "
                + "ssh-connection method none [preauth]",
            "Disconnecting authenticating user acme 127.0.0.1 port 5: Change of username or service not "
                + "allowed: (acme,ssh-connection) -> (hunter2,ssh-connection) [preauth]",
        ]
        let log = LoginLog()
        var printed: [String] = []
        for message in messages {
            printed.append(await log.printable(message, SSHDLogParser.parse(message), accounts))
        }
        #expect(printed.prefix(2) == messages.prefix(2))
        #expect(printed.allSatisfy { !$0.contains("hunter2") })
    }
}
