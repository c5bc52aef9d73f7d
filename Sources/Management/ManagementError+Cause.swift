// The errors of the gate's parts as the one kind that every face of the gate knows.
import Accounts
import Files
package import Intake
import Ledger
import LocalSocket
import SFTPReceiver
import Settings
import Sockets
import Staging

extension ManagementError {
    /// - Returns: nil for an error that is none of the gate's parts: a parser's, say.
    package static func of(_ error: any Error) -> ManagementError? {
        switch error {
        case let error as ManagementError: error
        case let error as SettingsErrors: of(error, .configuration)
        case let error as LedgerError:
            ManagementError(
                code(error), error.message, fix: error.fix, retryAfter: retryAfter(error), cause: error)
        case let error as AccountError: ManagementError(error)
        case let error as IntakeError: ManagementError(error)
        case let error as SSHDError: ManagementError(error)
        case let error as StagingError: ManagementError(error)
        case let error as ListenError: ManagementError(error)
        case let error as FileError where error.isFull:
            ManagementError(
                .unavailable, "\(error)", fix: SystemError.adviceOnFull, retryAfter: 60, cause: error)
        case let error as FileError:
            // Who may read a file is set right by a person.
            ManagementError(error.isDenial ? .configuration : .internalError, "\(error)", cause: error)
        default: nil
        }
    }

    /// What is worth another try is not refused for good, and what is done in part is not refused at all.
    package init(_ error: IntakeError) {
        let refusal: Code = error.retryAfter == nil ? .refused : .unavailable
        self.init(
            error.isHalfDone ? .internalError : refusal, error.description,
            retryAfter: error.isHalfDone ? nil : error.retryAfter, cause: error)
    }

    /// What the machine lacks for these settings is for its keeper to mend, as the settings are.
    init(_ error: SSHDError) {
        let code: Code =
            switch error.code {
            case .failed: .internalError
            case .busy: .unavailable
            default: .configuration
            }
        self.init(code, "\(error)", retryAfter: code == .unavailable ? 30 : nil, cause: error)
    }

    /// Of a socket that cannot be made.
    init(_ error: ListenError) {
        self.init(error.needsMending ? .configuration : .internalError, error.description, cause: error)
    }

    /// Whether a running gate was not asked, or its answer is not known: the next question fares no better.
    package var isOfConnection: Bool { cause is LocalSocketError || cause is OtherVersion }

    /// The same, with the part of the gate before it that it is of: "control socket".
    package func prefixed(by part: String) -> ManagementError {
        ManagementError(code, "\(part): \(message)", fix: fix, retryAfter: retryAfter, cause: cause)
    }

    /// What is not as the gate needs it is set right by a person, and what there is no room for comes later.
    init(_ error: StagingError) {
        switch error.code {
        case .denied, .obstructed:
            self.init(
                .configuration, error.message, fix: error.fix ?? "`dropgate doctor` says who must own it",
                cause: error)
        case .full:
            self.init(
                .unavailable, error.message, fix: error.fix ?? SystemError.adviceOnFull, retryAfter: 60,
                cause: error)
        case .badPath, .notFound, .exists, .damaged, .failed:
            self.init(.internalError, error.message, fix: error.fix, cause: error)
        }
    }

    /// The message is one line; `lines` has all that is wrong.
    static func of(_ error: SettingsErrors, _ code: Code) -> ManagementError {
        let first = error.problems.first.map { "\($0)" } ?? "the settings are not good"
        let more = error.problems.count - 1
        return ManagementError(code, more > 0 ? "\(first) (and \(more) more)" : first, cause: error)
    }

    private static func code(_ error: LedgerError) -> Code {
        switch error.code {
        case .rolledBack, .forked, .missing: .notAsSigned
        // Another program, or another ledger, has to be put there.
        case .newer, .foreign: .configuration
        case .locked, .busy, .outrun: .unavailable
        // Who may read it is set right by a person, as of any file.
        case .denied: .configuration
        // A full disk, say.
        case .unreadable where error.mayPass, .unwritable where error.mayPass: .unavailable
        // It says what its keeper has to do.
        case .unwritable where error.fix != nil: .configuration
        case .unreadable, .unwritable, .older: .internalError
        }
    }

    /// Who holds it lets go of it within seconds; room on a disk takes longer.
    private static func retryAfter(_ error: LedgerError) -> Int? {
        guard code(error) == .unavailable else { return nil }
        return error.code == .locked || error.code == .busy ? 5 : 30
    }

    /// What is wrong, a line for each thing: a settings file may have many faults.
    package var lines: [String] {
        (cause as? SettingsErrors)?.problems.map { "\($0)" } ?? [description]
    }
}
