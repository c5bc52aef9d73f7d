// What is wrong with an account, as every face of a gate tells it.
import Accounts
import Files
import Settings

extension ManagementError {
    init(_ error: AccountError) {
        let code: Code =
            switch error.code {
            case .badName, .badKey, .badPassword, .badScope: .invalid
            case .badFile, .unusable: .configuration
            case .exists, .notFound: .refused
            case .full: .unavailable
            default: .internalError
            }
        guard error.problems.isEmpty else {
            self = .of(SettingsErrors(error.problems), code)
            return
        }
        self.init(
            code, error.message, fix: error.code == .full ? SystemError.adviceOnFull : nil,
            retryAfter: error.code == .full ? 60 : nil, cause: error)
    }
}
