// An sshd that cannot do its work under a running gate: what callers meet, what the ledger and health say, and how it ends.
import Foundation
import Intake
import JSON
import Settings
import Support
import Testing

@testable import SFTPReceiver

@Suite(.enabled(if: TestGate.isPossible), .timeLimit(.minutes(2))) struct SSHDFailureTests {
    private func summary(_ entries: [JSONValue]) -> [String] {
        entries.map { entry in
            ["kind", "verdict", "reason", "account"].compactMap { entry[$0]?.string }.joined(separator: " ")
        }
    }

    /// The problem of sshd after a caller that is not let in.
    private func problemAfterARefusal(_ gate: TestGate) async throws -> String? {
        try await #expect(!gate.client.isLetIn("acme"))
        while gate.receiver.openConnections > 0 { await Task.yield() }
        return gate.intake.health.problems["sftp.sshd"]
    }

    @Test("Files of sshd that somebody removes are written again before the next caller is served")
    func removedFiles() async throws {
        let entries = try await TestGate.run { gate in
            let directory = gate.directory.file("state/sshd")
            for name in ["sshd_config", "passwd", "keys", "shadow"] {
                try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
                try await #expect(gate.client.isLetIn("acme"), "\(name)")
            }
            #expect(gate.intake.health.problems["sftp.sshd"] == nil)
        }
        #expect(summary(entries) == [String](repeating: "login accepted listed acme", count: 4))
    }

    /// The session goes on only where the socket is that it was told.
    @Test("A sessions' socket that somebody removes is there again before the next session asks for it")
    func removedLink() async throws {
        let entries = try await TestGate.run {
            $0.session = "[ -S \"$2\" ] && exec cat\n"
        } _: { gate in
            let link = SSHDLayout(directory: gate.directory.file("state/sshd")).link
            for _ in 0..<3 {
                unlink(link)
                try await #expect(gate.client.isLetIn("acme"))
            }
            #expect(gate.intake.health.problems["sockets"] == nil)
        }
        #expect(summary(entries) == [String](repeating: "login accepted listed acme", count: 3))
    }

    @Test(
        "Host keys that are gone are told as sshd's failure, not as the caller's, until a login gets through")
    func hostKeys() async throws {
        let entries = try await TestGate.run { gate in
            let (key, away) = (gate.directory.file("host"), gate.directory.file("away"))
            try FileManager.default.moveItem(atPath: key, toPath: away)
            let problem = try await #require(problemAfterARefusal(gate))
            #expect(problem.contains("ended with exit status 1 before it had the connection"), "\(problem)")
            #expect(problem.contains("Unable to load host key: \(key)"), "\(problem)")
            try FileManager.default.moveItem(atPath: away, toPath: key)
            try await #expect(gate.client.isLetIn("acme"))
            // What sshd logs is read beside the login.
            while gate.intake.health.problems["sftp.sshd"] != nil { await Task.yield() }
        }
        #expect(summary(entries) == ["login rejected sshd_failed", "login accepted listed acme"])
        #expect(
            entries.first?["detail"]?["message"]?.string?.contains("no hostkeys available") == true,
            "\(entries)")
    }

    @Test(
        "An sshd that is none any more is told with its exit status, and one that cannot be started with the reason"
    )
    func replacedProgram() async throws {
        let directory = try TemporaryDirectory("sshd")
        let program = directory.file("sshd")
        let real = try #require(SSHDTools.find().sshd)
        func replace(_ text: String, mode: Int = 0o700) throws {
            try text.write(toFile: program, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: program)
        }
        let works = "#!/bin/sh\nexec \(real) \"$@\"\n"
        try replace(works)
        let entries = try await TestGate.run {
            $0.tools.sshd = program
        } _: { gate in
            try replace("#!/bin/sh\nexit 7\n")
            let silent = try await #require(problemAfterARefusal(gate))
            #expect(silent.contains("\(program) ended with exit status 7"), "\(silent)")
            #expect(silent.hasSuffix("and said nothing"), "\(silent)")
            try replace("", mode: 0o600)
            let unstarted = try await #require(problemAfterARefusal(gate))
            #expect(unstarted.contains("sshd cannot be started"), "\(unstarted)")
            try replace(works)
            try await #expect(gate.client.isLetIn("acme"))
            // What sshd logs is read beside the login.
            while gate.intake.health.problems["sftp.sshd"] != nil { await Task.yield() }
        }
        #expect(
            summary(entries) == [
                "login rejected sshd_failed", "login rejected sshd_failed", "login accepted listed acme",
            ])
    }

    @Test(
        "What does not take its configuration, and says nothing of it, is named with its exit status at the start"
    )
    func silentRefusal() async throws {
        let error = await #expect(throws: SSHDError.self) {
            _ = try await TestGate.run {
                $0.tools.sshd = "/bin/false"
            } _: { _ in
            }
        }
        #expect(error?.code == .refused)
        #expect(
            error?.message.hasSuffix("it ended with exit status 1 and said nothing") == true,
            "\(error?.message ?? "")")
    }

    @Test("A state directory with a colon is refused: in sshd's list of users it would end a field")
    func colon() async throws {
        let error = await #expect(throws: SSHDError.self) {
            _ = try await TestGate.run {
                $0.state = "a:b"
            } _: { _ in
            }
        }
        #expect(error?.code == .badPath)
        #expect(error?.message.contains("colon") == true)
    }
}
