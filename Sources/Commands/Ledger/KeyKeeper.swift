// The running gate's hand on its signing key: what the control socket asks for.
import Intake
import Ledger
import Settings

package struct KeyKeeper: Sendable {
    private let checkpointer: Checkpointer
    private let keys: LedgerKeys

    init(_ checkpointer: Checkpointer, _ keys: LedgerKeys) {
        self.checkpointer = checkpointer
        self.keys = keys
    }

    /// A checkpoint of this moment; nil for an empty ledger.
    func checkpoint() async throws -> String? { try await checkpointer.sign()?.note.description }

    /// The new public key. The new private key takes its place once its entry is durable.
    func rotate() async throws -> String {
        let new = try keys.prepareNext()
        _ = try await checkpointer.rotate(to: new)
        try keys.adoptNext()
        return new.verifier.description
    }
}
