// The session's program: what it takes on its command line, where a gate looks for it, and which one a gate works with.
import Foundation
import Support
import Testing

@testable import SFTPReceiver
@testable import SFTPSession

@Suite struct SessionProgramTests {
    @Test("It takes what the generated sshd_config says, and a question for its version")
    func requests() {
        #expect(SessionProgram.Request(["--socket", "/s/link.sock"]) == .serve(socket: "/s/link.sock"))
        #expect(SessionProgram.Request(["--version"]) == .version)
    }

    @Test(
        "Anything else is a mistake",
        arguments: [
            [], [""], ["--socket"], ["--socket", ""], ["--socket", "relative"], ["--socket=/s"], ["--help"],
            ["/s", "--socket"], ["--socket", "/s", "--version"], ["--version", "--version"], ["--VERSION"],
        ] as [[String]])
    func mistakes(arguments: [String]) {
        #expect(SessionProgram.Request(arguments) == nil)
        #expect(SessionProgram.run(arguments, environment: SessionEnvironment()) == 64)
    }

    @Test("A gate has one session: where its installation puts it, else beside its own program")
    func place() {
        #expect(SSHDTools.sessionPlace(for: "/work/debug/dropgate") == "/work/debug/dropgate-session")
        #expect(SSHDTools.sessionPlace(for: "/usr/bin/dropgate") == "/usr/libexec/dropgate/dropgate-session")
        #expect(
            SSHDTools.sessionPlace(for: "/usr/local/bin/dropgate")
                == "/usr/local/libexec/dropgate/dropgate-session")
        #expect(SSHDTools.sessionPlace(for: nil) == nil)
    }

    @Test("A program that does not end is not waited for", .timeLimit(.minutes(1)))
    func patience() async throws {
        let home = try TemporaryDirectory("session-program")
        let tools = try program("exec sleep 1000", in: home, as: "slow")
        let error = await #expect(throws: SSHDError.self) {
            try await SSHDTools.run(#require(tools.session), [], within: .milliseconds(300))
        }
        #expect(error?.message.contains("did not end within") == true)
    }

    @Test("The session of this build is taken, and none that says anything else or nothing")
    func versions() async throws {
        let home = try TemporaryDirectory("session-program")
        let good = try program("echo '\(SessionProgram.version)'", in: home, as: "good")
        #expect(try await good.checkSession() == home.file("good"))
        let others = [
            "echo '\(SessionProgram.version)0'", "echo '\(SessionProgram.version)'; exit 1", "exec cat",
            "echo 'dropgate 0.1.0'",
            "echo 'dropgate-session 0.0.1, messages of version \(SessionIPC.version)'",
        ]
        for (number, text) in others.enumerated() {
            let tools = try program(text, in: home, as: "other-\(number)")
            let error = await #expect(throws: SSHDError.self) { try await tools.checkSession() }
            #expect(error?.code == .missing)
            #expect(
                error?.message.contains("\(home.file("other-\(number)")) is not a session for this gate")
                    == true
            )
        }
    }

    @Test("A session that is missing is said with the way to get it")
    func missing() async throws {
        let tools = SSHDTools(sshd: nil, nssWrapper: nil, session: nil)
        let error = await #expect(throws: SSHDError.self) { try await tools.checkSession() }
        #expect(error?.code == .missing)
        #expect(error?.message.contains("dropgate-session") == true)
        #expect(error?.message.contains("apt-get install --reinstall dropgate") == true)
    }

    private func program(_ text: String, in home: TemporaryDirectory, as name: String) throws -> SSHDTools {
        let path = home.file(name)
        try "#!/bin/sh\n\(text)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        return SSHDTools(sshd: nil, nssWrapper: nil, session: path)
    }
}
