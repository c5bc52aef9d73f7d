// `dropgate sftp-session`: what sshd starts for every login. Nobody else has use for it.
import ArgumentParser
import Foundation
import SFTPReceiver
import SFTPSession

struct SFTPSessionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sftp-session", abstract: "Serve one SFTP session (started by sshd).",
        shouldDisplay: false)

    @Option(help: "The daemon's socket.") var socket: String

    func run() throws {
        let status = runSession(
            socket: socket, environment: ProcessInfo.processInfo.environment, input: STDIN_FILENO,
            output: STDOUT_FILENO)
        throw ExitCode(status)
    }
}
