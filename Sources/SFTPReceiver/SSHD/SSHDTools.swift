// Where OpenSSH's programs, libnss-wrapper and the session's program are on this machine, and how they are run to their
// end.
import Files
import Glibc
import Subprocess
import SystemPackage

/// The programs and the library that the SFTP receiver needs. A missing one is nil, to be reported.
package struct SSHDTools: Sendable, Hashable {
    /// sshd, absolute: it refuses to start otherwise.
    package var sshd: String?
    /// libnss_wrapper.so, absolute.
    package var nssWrapper: String?
    /// What sshd starts for each login, absolute.
    package var session: String?

    /// Looks in the places where distributions put them.
    package static func find() -> SSHDTools {
        let programs = [
            "/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd", "/usr/lib/ssh/sshd", "/usr/bin/sshd",
        ]
        let libraries = [
            "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib",
            "/usr/local/lib64",
            "/usr/local/lib",
        ]
        return SSHDTools(
            sshd: programs.first { access($0, X_OK) == 0 },
            nssWrapper: libraries.map { "\($0)/libnss_wrapper.so" }.first { access($0, R_OK) == 0 },
            session: sessionPlace().flatMap { access($0, X_OK) == 0 ? $0 : nil })
    }

    /// What a program that has ended said.
    struct Answer: Sendable {
        var isSuccess: Bool
        /// How it ended: "exit status 1".
        var ending: String
        var output: String
        var errors: String
    }

    /// Runs a program to its end. One that does not come to it is killed (`.busy`): nothing that the gate asks for takes
    /// longer, but for a slow machine that makes an RSA key.
    static func run(
        _ program: String, _ arguments: [String],
        environment: [Environment.Key: String] = Self.plainEnvironment,
        within patience: Duration = .seconds(120)
    ) async throws(SSHDError) -> Answer {
        do {
            // A group of this function's own: `within` words its error for others.
            return try await withThrowingTaskGroup(of: Answer?.self) { group in
                group.addTask {
                    // A cancelled run ends the process.
                    let result = try await Subprocess.run(
                        .path(FilePath(program)), arguments: Arguments(arguments),
                        environment: .custom(environment),
                        input: .none, output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
                    return Answer(
                        isSuccess: result.terminationStatus.isSuccess,
                        ending: Self.ending(result.terminationStatus), output: result.standardOutput,
                        errors: result.standardError)
                }
                group.addTask {
                    try await Task.sleep(for: patience)
                    return nil
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next() ?? nil else {
                    throw SSHDError(
                        .busy,
                        "\(program) did not end within \(patience.components.seconds) s; check what it is")
                }
                return answer
            }
        } catch let error as SSHDError {
            throw error
        } catch {
            throw SSHDError(
                wantsRoom(code(error)) ? .busy : .missing, "cannot run \(program): \(words(error))")
        }
    }

    /// Whether there was no room for another process or file, which passes as others end.
    static func wantsRoom(_ code: Int32?) -> Bool { code.map(noRoom.contains) ?? false }

    private static let noRoom = [EMFILE, ENFILE, EAGAIN, ENOMEM]

    /// The same of what sshd says: its messages end in the system's words.
    static func tellsOfNoRoom(_ message: String) -> Bool {
        noRoom.contains { message.hasSuffix(": \(SystemError($0))") }
    }

    /// errno(3) of what kept a program from starting; nil where it is not known.
    static func code(_ error: any Error) -> Int32? {
        (error as? SubprocessError)?.underlyingError?.rawValue
    }

    /// The library that starts programs has no words but the names of its types.
    static func words(_ error: any Error) -> String {
        guard let code = code(error) else {
            return "it does not start; check that it exists, and that this user may execute it"
        }
        return SystemError(code).description
    }

    private static func ending(_ status: TerminationStatus) -> String {
        switch status {
        case .exited(let code): "exit status \(code)"
        case .signaled(let number): "signal \(number)"
        }
    }

    static let plainEnvironment: [Environment.Key: String] = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
}
