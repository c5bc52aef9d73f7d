// Why something that the gate sends out, a checkpoint or an entry, is not there.

package struct OutgoingError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// No connection, or it broke off: trying again may help.
        case unreachable
        /// The receiver answered, and not with yes.
        case refused
        /// It was sent, and the receiver did not say that it has it.
        case unconfirmed
    }

    package let code: Code
    /// What happened and the next step, without the receiver's address.
    package let description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
