// Runs one sshd on one accepted connection: its standard input and output are the socket, its standard error
// is the log, and nothing else of the service reaches it.
import Glibc
import Subprocess
import SystemPackage

struct SSHDProcess: Sendable {
    let files: SSHDFiles

    /// How long sshd has between SIGTERM and SIGKILL when the task is cancelled.
    private static let terminationGrace = Duration.seconds(2)

    /// Serves the connection to its end, by keys only without `takesPasswords`. `messages` gets sshd's process id
    /// and its log, and returns when the log has ended. The result is the exit status, nil when a signal ended it.
    func run(
        on descriptor: Int32, takesPasswords: Bool,
        messages: @Sendable (pid_t, AsyncStream<String>) async -> Void
    ) async throws -> Int32? {
        guard let sshd = files.tools.sshd else { throw SSHDFiles.missing }
        // The loader only warns when a preloaded library is gone, and sshd would then see the system's users.
        if let library = files.tools.nssWrapper, access(library, R_OK) != 0 {
            throw SSHDError(.missing, "\(library) is gone; install libnss-wrapper again")
        }
        let log = try SSHDLogSocket()
        var options = PlatformOptions()
        // A session of its own: sshd signals its process group when the time to log in is over.
        options.createSession = true
        options.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: Self.terminationGrace)
        ]
        var arguments = ["-i", "-e", "-f", files.configurationPath]
        // The first value that sshd sees of an option counts, and those of the command line come first.
        if !takesPasswords { arguments += ["-o", "PasswordAuthentication=no"] }
        let socket = FileDescriptor(rawValue: descriptor)
        let result = try await Subprocess.run(
            .path(FilePath(sshd)), arguments: Arguments(arguments),
            environment: .custom(files.environment), workingDirectory: "/", platformOptions: options,
            input: .fileDescriptor(socket, closeAfterSpawningProcess: false),
            output: .fileDescriptor(socket, closeAfterSpawningProcess: false),
            error: .fileDescriptor(FileDescriptor(rawValue: log.writeEnd), closeAfterSpawningProcess: true)
        ) { execution in
            await messages(execution.processIdentifier.value, log.messages)
        }
        guard case .exited(let status) = result.terminationStatus else { return nil }
        return status
    }
}
