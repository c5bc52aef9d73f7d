// Why a sender does not get what it asks: for its client, and for the ledger.
package import Admission

package struct SenderError: Error, Sendable, Equatable {
    /// As SFTP tells failures apart.
    package enum Kind: String, Sendable, Codable {
        case absent, exists, denied, full, failed
    }

    package let kind: Kind
    /// What the ledger's entry says; nil: it is an ordinary answer and gets none.
    package let reason: Reason?
    /// For the client: the path as it sent it, what is wrong, what helps. Never a path of the gate's own.
    package let message: String

    package init(_ kind: Kind, _ reason: Reason?, _ message: String) {
        self.kind = kind
        self.reason = reason
        self.message = message
    }

    static let broken = SenderError(
        .failed, nil, "the gate could not do it; ask its owner to run dropgate doctor")
}
