// Why a drop of another gate was not fetched. The next drop may be well.

package struct PullError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The receipt is not one that a gate writes of a released drop.
        case badReceipt
        /// The bytes are not those of the receipt; fetching them again may help.
        case mismatch
        /// The other gate does not have it any more.
        case gone
        /// The other gate refuses it.
        case refused
        /// No room here.
        case full
    }

    package let code: Code
    package let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
