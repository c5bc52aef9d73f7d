// sshd's messages as OpenSSH 9.2 writes them with `-e`, and what a caller may try to put into them.
import Testing

@testable import SFTPReceiver

@Suite struct SSHDLogParserTests {
    private static let key = "SHA256:jqpS6c+/FjI5AD+fqDi4kBloT8fxD9xraPNJ1l6c/wE"

    private static let messages: [(String, SSHDLogEvent)] = [
        (
            "Accepted publickey for alice from 127.0.0.1 port 50984 ssh2: ED25519 \(key)\r\n",
            SSHDLogEvent.accepted(method: "publickey", account: "alice", fingerprint: key)
        ),
        (
            "Accepted password for bob from 2001:db8::1 port 2 ssh2\r\n",
            .accepted(method: "password", account: "bob", fingerprint: nil)
        ),
        (
            "Failed publickey for bob from 127.0.0.1 port 50990 ssh2: ED25519 \(key)\r\n",
            .failed(method: "publickey", account: "bob", isKnown: true, fingerprint: key)
        ),
        (
            "Failed password for invalid user carol from 127.0.0.1 port 50790 ssh2",
            .failed(method: "password", account: "carol", isKnown: false, fingerprint: nil)
        ),
        ("Invalid user carol from 127.0.0.1 port 51012\r\n", .unknownAccount("carol")),
        ("Invalid user  from 127.0.0.1 port 51012", .unknownAccount("")),
        (
            "User bob from 10.0.0.1 not allowed because account is locked", .unknownAccount("bob")
        ),
        ("User bob not allowed because shell /bin/x does not exist", .unknownAccount("bob")),
        (
            "error: maximum authentication attempts exceeded for alice from 127.0.0.1 port 4 ssh2 [preauth]\r\n",
            .tooManyTries(account: "alice")
        ),
        (
            "maximum authentication attempts exceeded for invalid user x y from 127.0.0.1 port 4 ssh2 [preauth]",
            .tooManyTries(account: "x y")
        ),
        (
            "Connection closed by authenticating user bob 127.0.0.1 port 50990 [preauth]\r\n",
            .leftWhileAuthenticating(account: "bob", isKnown: true)
        ),
        (
            "Connection closed by invalid user carol 127.0.0.1 port 51012 [preauth]",
            .leftWhileAuthenticating(account: "carol", isKnown: false)
        ),
        (
            "Disconnecting authenticating user bob 127.0.0.1 port 5: Too many authentication failures [preauth]",
            .leftWhileAuthenticating(account: "bob", isKnown: true)
        ),
        (
            "fatal: Timeout before authentication for 127.0.0.1 port 33424", .timedOut
        ),
        (
            "Unable to negotiate with 127.0.0.1 port 51028: no matching key exchange method found. "
                + "Their offer: diffie-hellman-group1-sha1 [preauth]\r\n",
            .negotiationFailed(
                "no matching key exchange method found. Their offer: diffie-hellman-group1-sha1")
        ),
        (
            "kex_exchange_identification: client sent invalid protocol identifier \"GET / HTTP/1.0\"\r\n",
            .protocolFailed("client sent invalid protocol identifier \"GET …\"")
        ),
        (
            "kex_exchange_identification: client sent invalid protocol identifier \"\"\r\n",
            .protocolFailed("client sent invalid protocol identifier \"\"")
        ),
        (
            "banner exchange: Connection from 127.0.0.1 port 46172: invalid format\r\n",
            .protocolFailed("invalid format")
        ),
        (
            "ssh_dispatch_run_fatal: Connection from 127.0.0.1 port 46208: message authentication code incorrect",
            .protocolFailed("message authentication code incorrect")
        ),
        (
            "Protocol major versions differ: 2 vs. 1",
            .protocolFailed("Protocol major versions differ: 2 vs. 1")
        ),
        (
            "kex_exchange_identification: Connection closed by remote host\r\n",
            .closedEarly("the caller closed the connection before it said that it speaks SSH")
        ),
        (
            "Connection reset by 127.0.0.1 port 46194 [preauth]",
            .closedEarly("the caller reset the connection")
        ),
        ("no more sessions\r\n", .tooManySessions),
        ("error: no more sessions", .tooManySessions),
        ("no more sessions for you", .other),
        ("Disconnected from user alice 127.0.0.1 port 50984\r\n", .other),
        (
            "Accepted key ED25519 \(key) found at /state for a from b/keys/alice:1\r\n",
            .keyFound(fingerprint: key)
        ),
        (
            "debug1: auth2.c:input_userauth_request():278 (pid=24063): userauth-request for user bob service "
                + "ssh-connection method keyboard-interactive [preauth]\r\n",
            .asked(account: "bob", method: "keyboard-interactive")
        ),
        (
            "debug1: auth2.c:input_userauth_request():278 (bin=sshd-auth, pid=2): userauth-request for user x "
                + "service y method z service ssh-connection method none [preauth]\r\n",
            .asked(account: "x service y method z", method: "none")
        ),
        // Cut at 1 KiB, together with the mark.
        (
            "debug1: auth2.c:input_userauth_request():278 (pid=2): userauth-request for user xxxx",
            .asked(account: "xxxx", method: nil)
        ),
        (
            "debug2: auth2.c:input_userauth_request():345 (pid=2): input_userauth_request: try method "
                + ": userauth-request for user a service b method c [preauth]",
            .other
        ),
        (
            "debug2: auth2.c:input_userauth_request():297 (pid=2): setting up authctxt for bob [preauth]",
            .other
        ),
        (
            "userauth_pubkey: signature algorithm ssh-rsa not in PubkeyAcceptedAlgorithms [preauth]\r\n",
            .algorithmRefused("ssh-rsa")
        ),
        (
            "userauth_pubkey: key type ssh-dss not in PubkeyAcceptedKeyTypes [preauth]",
            .algorithmRefused("ssh-dss")
        ),
        (
            "userauth_pubkey: unsupported public key algorithm: x509v3-rsa [preauth]",
            .algorithmRefused("x509v3-rsa")
        ),
        ("refusing RSA key: Invalid key length [preauth]\r\n", .keyTooShort),
        (
            "Disconnecting authenticating user bob 127.0.0.1 port 5: Change of username or service not allowed: "
                + "(bob,ssh-connection) -> (s3cret port 6 x,ssh-connection) [preauth]",
            .leftWhileAuthenticating(account: "bob", isKnown: true)
        ),
        (
            "Unable to negotiate with invalid user a: s3cret 127.0.0.1 port 5: no matching cipher found. "
                + "Their offer: x [preauth]",
            .negotiationFailed("no matching cipher found. Their offer: x")
        ),
        ("Postponed publickey for alice from 127.0.0.1 port 50984 ssh2 [preauth]", .other),
        ("Connection from 127.0.0.1 port 46172 on 127.0.0.1 port 2299 rdomain \"\"\r\n", .began),
        ("Connection from UNKNOWN port 65535 on 127.0.0.1 port 65535", .began),
        (
            "ERROR: ld.so: object '/l/libnss_wrapper.so' from LD_PRELOAD cannot be preloaded (file too short): ignored.\n",
            .unable(
                "ERROR: ld.so: object '/l/libnss_wrapper.so' from LD_PRELOAD cannot be preloaded (file too short): ignored."
            )
        ),
        (
            "NWRAP_ERROR[<unknown> (4159)] - nwrap_files_cache_reload: Unable to open '/s/passwd' readonly -1:No such file",
            .unable(
                "NWRAP_ERROR[<unknown> (4159)] - nwrap_files_cache_reload: Unable to open '/s/passwd' readonly -1:No such file"
            )
        ),
        ("NWRAP_ERROR[<unknown> (4159)] - something else", .other),
        (
            "fatal: fork of unprivileged child failed\r\n", .unable("fork of unprivileged child failed")
        ),
        (
            "fatal: privsep_preauth: exec of /l/sshd-auth failed: Exec format error\r\n",
            .unable("privsep_preauth: exec of /l/sshd-auth failed: Exec format error")
        ),
        (
            "/l/sshd-auth: error while loading shared libraries: libz.so.1: cannot open shared object file\n",
            .unable(
                "/l/sshd-auth: error while loading shared libraries: libz.so.1: cannot open shared object file"
            )
        ),
        ("/l/sshd-auth: something else", .other),
        (
            "error: mm_reap: preauth child terminated by signal 31",
            .unable("mm_reap: preauth child terminated by signal 31")
        ),
        (
            "fatal: privsep_preauth: preauth child terminated by signal 11",
            .unable("privsep_preauth: preauth child terminated by signal 11")
        ),
        // How sshd ends the process of a caller whose time to log in is over.
        ("error: mm_reap: preauth child terminated by signal 14", .other),
        ("sshd: no hostkeys available -- exiting.", .unable("sshd: no hostkeys available -- exiting.")),
        ("Unable to load host key: /k/ssh_host_rsa_key", .other),
        ("User child is on pid 77", .other),
        ("", .other),
    ]

    @Test("A message of sshd becomes the event it tells of", arguments: messages)
    func readsMessages(message: String, event: SSHDLogEvent) {
        #expect(SSHDLogParser.parse(message) == event)
    }

    /// Measured: OpenSSH 9.2 writes CR and LF of a user name to its standard error as they are.
    @Test(
        "A name that imitates sshd's messages stays a name",
        arguments: [
            "x from 1.2.3.4 port 5",
            "x from 127.0.0.1 port 1 ssh2: ED25519 SHA256:abc",
            "x from 127.0.0.1 port 1\r\nAccepted publickey for alice from 127.0.0.1 port 5 ssh2: ED25519 SHA256:abc\r\ny",
            "Accepted password for alice from 127.0.0.1 port 1 ssh2",
        ])
    func namesStayNames(name: String) {
        #expect(
            SSHDLogParser.parse("Invalid user \(name) from 127.0.0.1 port 50998\r\n") == .unknownAccount(name)
        )
        #expect(
            SSHDLogParser.parse("Failed password for invalid user \(name) from 127.0.0.1 port 50998 ssh2\r\n")
                == .failed(method: "password", account: name, isKnown: false, fingerprint: nil))
        #expect(
            SSHDLogParser.parse(
                "Connection closed by invalid user \(name) 127.0.0.1 port 50998 [preauth]\r\n")
                == .leftWhileAuthenticating(account: name, isKnown: false))
    }

    @Test("sshd's spelling of a name is undone, once or, of the process before login, twice")
    func spelling() {
        let name = "p\u{E4}ss\\w\u{1}\u{2603}"
        let once = "p\\303\\244ss\\\\w\\001\\342\\230\\203"
        let twice = once.replacing("\\", with: "\\\\")
        #expect(SSHDText.decoded(once) == name)
        #expect(
            SSHDLogParser.parse("Invalid user \(once) from 127.0.0.1 port 5\r\n") == .unknownAccount(name))
        #expect(
            SSHDLogParser.parse("Connection closed by invalid user \(twice) 127.0.0.1 port 5 [preauth]\r\n")
                == .leftWhileAuthenticating(account: name, isKnown: false))
        for other in ["", "a", "\\", "\\9", "\\777", "\\12"] { #expect(SSHDText.decoded(other) == other) }
    }
}
