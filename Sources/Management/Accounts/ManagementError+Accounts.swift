// What is wrong with an account, as every face of a gate tells it.
import Accounts

extension ManagementError {
    init(_ error: AccountError) {
        let code: Code =
            switch error.code {
            case .badName, .badKey, .badPassword, .badScope: .invalid
            case .badFile: .configuration
            case .exists, .notFound: .refused
            default: .internalError
            }
        self.init(code, error.message, cause: error)
    }
}
