// Why something that was asked of a gate was not done, the same for every face of it: commands make exit statuses of the
// codes, a console HTTP statuses.

package struct ManagementError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Codable, Sendable, CaseIterable {
        /// It was understood, and the answer is no: not found, not in that state, not allowed by the policy.
        case refused
        /// It cannot be meant: an argument is wrong or missing.
        case invalid
        /// The settings, or files that they name, are not good.
        case configuration
        /// The gate, the system or the disk failed.
        case internalError = "internal"
        /// It cannot be done now, and may be done later without anybody's asking for something else.
        case unavailable
        /// The ledger is not what somebody has seen signed: evidence of a change, not a failure.
        case notAsSigned = "not_as_signed"
    }

    package let code: Code
    /// What is wrong, and where: one line for people.
    package let message: String
    /// What can be done next; nil where the message says all there is to say.
    package let fix: String?
    /// Seconds after which to try again; nil where the code is not `unavailable`.
    package let retryAfter: Int?
    package let cause: (any Error)?

    package init(
        _ code: Code, _ message: String, fix: String? = nil, retryAfter: Int? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.fix = fix
        self.retryAfter = retryAfter
        self.cause = cause
    }

    /// The message and the fix on one line.
    package var description: String { fix.map { "\(message); \($0)" } ?? message }
}
