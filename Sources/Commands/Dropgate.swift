// The command tree and the one place where errors become messages and exit statuses.
// Commands print through `Output` and throw; they never exit by themselves.
import Admission
import ArgumentParser
import Audit
import Files
import Foundation
import Ledger
import Management
import SFTPReceiver
import Settings
import Staging

struct Dropgate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dropgate",
        abstract:
            "Inbound gate for VSee webhooks and SFTP: checks every source, records every attempt, releases only complete data.",
        discussion: """
            A gate accepts VSee's webhooks and SFTP transfers from the addresses that you list, records every \
            accepted and every rejected attempt in one ledger, and releases what it accepts into the staging directory.

            FIRST STEPS
              dropgate init gate                                     make a gate in ./gate
              dropgate account add vsee --key vsee.pub --config gate/dropgate.yaml
              dropgate serve --config gate/dropgate.yaml             run it
              dropgate attempts --follow --config gate/dropgate.yaml see who calls

            Every command takes --config FILE; without it, $DROPGATE_CONFIG, ./Config/dropgate.yaml and \
            /etc/dropgate/dropgate.yaml are tried in this order.

            EXIT STATUS
              0 yes, or done   1 no, or the answer could not be printed   64 wrong usage
              70 something failed   75 not possible now, try again later   78 a problem in settings or files
            """,
        version: "\(Product.name) \(Product.version)",
        subcommands: [
            InitCommand.self, ServeCommand.self, SourceCommand.self, AccountCommand.self,
            AttemptsCommand.self,
            DropsCommand.self, LedgerCommand.self, ReportCommand.self, ProbeCommand.self, RulesCommand.self,
            PullCommand.self, DoctorCommand.self, TokenCommand.self,
        ])
}

package enum Program {
    /// Parses and runs one command line (without the program's name) and returns the exit status.
    package static func run(_ arguments: [String]) async -> Int32 {
        Output.prepare()
        defer { Output.finishAside() }
        do {
            var command = try Dropgate.parseAsRoot(arguments)
            // Doctor says the same and looks at the rest.
            if !(command is DoctorCommand) { try OpenSSLCheck.refuseMissing() }
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            try Output.finish()
            return 0
        } catch {
            return report(error)
        }
    }

    /// Prints what an error has to say and returns its status.
    private static func report(_ error: any Error) -> Int32 {
        if let error = error as? OutputError {
            error.tell()
            return error.status
        }
        if let code = error as? ExitCode {
            do { try Output.finish() } catch { (error as? OutputError)?.tell() }
            return code.rawValue
        }
        guard let error = ManagementError.of(error) else { return reportParsing(error) }
        for line in error.lines { Output.error(line) }
        // What is wrong with a ledger has a status of its own, as in a verification.
        if error.code == .notAsSigned, let cause = error.cause as? LedgerError,
            let status = LedgerVerdict.status(cause)
        {
            return status
        }
        return ExitStatus(error.code).rawValue
    }

    /// Help, version and usage errors of the parser, and whatever nobody expected.
    private static func reportParsing(_ error: any Error) -> Int32 {
        let code = Dropgate.exitCode(for: error)
        let text = Dropgate.fullMessage(for: error)
        if code.isSuccess {
            do {
                try Output.line(text)
                try Output.finish()
            } catch {
                return report(error)
            }
        } else if code == .validationFailure {
            Output.error(text, prefix: "")
        } else {
            let words =
                SystemError(of: error)?.description ?? "\(error)".replacingOccurrences(of: "\n", with: " ")
            Output.error(
                "internal error: \(words); this is a bug in Dropgate: report it with the command line")
            return ExitStatus.internalError.rawValue
        }
        return code.rawValue
    }
}
