// How a command ends other than well.
import Management

/// Exit statuses (sysexits.h where it has a name for it).
enum ExitStatus: Int32 {
    /// The command worked and the answer is no: rejected, not found, verification failed. Also of an answer that could not
    /// be written (`OutputError`), as with coreutils.
    case no = 1
    case usage = 64
    /// The gate, the system or the disk failed.
    case internalError = 70
    /// It cannot be done now: the same command is worth another try.
    case tryAgain = 75
    case configuration = 78

    init(_ code: ManagementError.Code) {
        self =
            switch code {
            case .refused: .no
            case .invalid: .usage
            case .configuration: .configuration
            case .unavailable: .tryAgain
            case .internalError, .notAsSigned: .internalError
            }
    }
}
