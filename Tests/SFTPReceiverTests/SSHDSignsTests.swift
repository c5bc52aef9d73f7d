// What is told of a sshd that fails by itself, and when a failure is taken for the caller's.
import Testing

@testable import SFTPReceiver

@Suite struct SSHDSignsTests {
    private static let began = "Connection from 192.0.2.7 port 5 on 192.0.2.1 port 2222 rdomain \"\"\r\n"
    private static let asked =
        "debug1: auth2.c:input_userauth_request():278 (pid=1): userauth-request for user acme service "
        + "ssh-connection method none [preauth]\r\n"
    private static let preload =
        "ERROR: ld.so: object '/l/nss.so' from LD_PRELOAD cannot be preloaded (file too short): ignored.\n"

    private func signs(_ messages: [String]) -> SSHDSigns {
        var signs = SSHDSigns()
        for message in messages { signs.note(SSHDLogParser.parse(message), message) }
        return signs
    }

    private func failure(_ messages: String..., status: Int32? = 255, isReset: Bool = false) -> String? {
        signs(messages).failure(of: "/sshd", SSHDEnding(status: status), isReset: isReset)
    }

    @Test("An sshd that ends before it has the connection fails by itself, with its status and what it said")
    func beforeTheConnection() {
        #expect(
            failure(status: 1)
                == "/sshd ended with exit status 1 before it had the connection, and said nothing")
        #expect(
            failure("/s/sshd_config: No such file or directory\n", status: nil)
                == "/sshd was ended by a signal before it had the connection: /s/sshd_config: No such file or directory"
        )
    }

    @Test("Of many lines the first are kept and the last; a frame of marks is none")
    func manyLines() throws {
        let frame = "@@@@@@@@@\r\n"
        let said = try #require(
            failure(
                frame, "@   WARNING: UNPROTECTED PRIVATE KEY FILE!   @\r\n", frame, "1\r\n", "2\r\n", "3\r\n",
                "4\r\n", "last\r\n"))
        #expect(said.hasSuffix(": 1; 2; 3; last"), "\(said)")
    }

    @Test("A caller that leaves fails by itself, also one that is gone before sshd looks at it")
    func callers() {
        #expect(failure(Self.began) == nil)
        #expect(
            failure(Self.began, "kex_exchange_identification: Connection closed by remote host\r\n") == nil)
        #expect(failure(isReset: true) == nil)
    }

    @Test("An sshd that has the connection and cannot do its work says why")
    func afterTheConnection() {
        #expect(
            failure(Self.began, "fatal: fork of unprivileged child failed\r\n")
                == "/sshd cannot do its work: fork of unprivileged child failed")
        // It goes on with the system's users, so that every account is unknown to it.
        #expect(failure(Self.preload, Self.began, Self.asked)?.contains("cannot be preloaded") == true)
    }

    @Test("A process before login that does not start, or that a signal ends, is sshd's failure")
    func beforeLogin() {
        for said in [
            "fatal: privsep_preauth: exec of /l/sshd-auth failed: Exec format error\r\n",
            "error: mm_reap: preauth child terminated by signal 11\r\n",
        ] {
            #expect(failure(Self.began, said)?.hasPrefix("/sshd cannot do its work: ") == true)
        }
        #expect(failure(Self.began, "error: mm_reap: preauth child terminated by signal 14\r\n") == nil)
    }

    @Test(
        "Programs that sshd says it starts for each caller, and that cannot be started, are named",
        arguments: [
            ("port 22\nsshdsessionpath /bin/sh\nsshdauthpath /bin/sh\n", nil),
            ("port 22\n", nil),
            ("sshdsessionpath /nowhere/sshd-session\n", "/nowhere/sshd-session"),
            ("SshdSessionPath /bin/sh\nsshdauthpath /etc/passwd\n", "/etc/passwd"),
        ])
    func programs(configuration: String, missing: String?) {
        let found = SSHDFiles.missingProgram(configuration)
        #expect((found == nil) == (missing == nil))
        if let missing { #expect(found?.hasPrefix(missing + ", which it starts for each caller: ") == true) }
    }

    @Test("Where there is no room for another process sshd says so last")
    func room() {
        #expect(SSHDTools.tellsOfNoRoom("x: fork failed: Resource temporarily unavailable"))
        #expect(SSHDTools.tellsOfNoRoom("x: Cannot allocate memory"))
        #expect(!SSHDTools.tellsOfNoRoom("Resource temporarily unavailable: no"))
    }

    @Test("A caller that comes as far as its name shows that sshd works, unless sshd lacked something")
    func works() {
        #expect(signs([Self.began, Self.asked]).showItWorks)
        #expect(!signs([Self.began]).showItWorks)
        #expect(!signs([Self.preload, Self.began, Self.asked]).showItWorks)
    }
}
