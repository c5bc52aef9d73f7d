// Signs the ledger's head and goes over to another key: beside a running gate's checkpoints, or for a command alone.
package import JSON
import Synchronization

/// Who can sign the ledger's head now.
package protocol CheckpointSigning: Sendable {
    /// Signs the head, keeps the checkpoint beside the ledger, and returns it; nil for an empty ledger.
    @discardableResult func sign() async throws -> SignedCheckpoint?

    /// Goes over to another key: an entry under both signatures, then a checkpoint under the new one.
    /// - Parameter detail: what that entry says besides: who asked for it, and why.
    func rotate(to new: NoteSigner, detail: [String: JSONValue]) async throws -> KeyRotation
}

package final class CheckpointSigner: CheckpointSigning {
    private let writer: LedgerWriter
    private let archive: CheckpointFile
    private let state: Mutex<(key: NoteSigner, newest: SignedCheckpoint?)>

    /// - Parameter archive: the copy beside the ledger.
    package init(_ writer: LedgerWriter, key: NoteSigner, archive: CheckpointFile) {
        self.writer = writer
        self.archive = archive
        state = Mutex((key, nil))
    }

    /// The newest checkpoint that was signed here, whether or not it could be kept beside the ledger.
    package var newest: SignedCheckpoint? { state.withLock(\.newest) }

    @discardableResult
    package func sign() async throws -> SignedCheckpoint? {
        let key = state.withLock(\.key)
        guard case .checkpointed(let signed?) = try await writer.commit(.checkpoint(key)) else { return nil }
        state.withLock { $0.newest = signed }
        try await archive.append(signed)
        return signed
    }

    package func rotate(to new: NoteSigner, detail: [String: JSONValue]) async throws -> KeyRotation {
        let rotation = try KeyRotation(from: state.withLock(\.key), to: new)
        var attempt = rotation.attempt
        attempt.detail.merge(detail) { rotation, _ in rotation }
        _ = try await writer.append(attempt)
        state.withLock { $0.key = new }
        try await sign()
        return rotation
    }
}
