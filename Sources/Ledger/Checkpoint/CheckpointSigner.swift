// Signs the ledger's head and goes over to another key: beside a running gate's checkpoints, or for a command alone.
package import JSON
import Synchronization

/// Who can sign the ledger's head now.
package protocol CheckpointSigning: Sendable {
    /// Signs the head, keeps the checkpoint beside the ledger, and returns it; nil for an empty ledger.
    @discardableResult func sign() async throws -> SignedCheckpoint?

    /// Goes over to another key: an entry under both signatures, then a checkpoint under the new one. What is signed meanwhile
    /// waits for that.
    /// - Parameters:
    ///   - new: kept durably by now, where the next start finds it: from its entry on the ledger has no other key.
    ///   - detail: what that entry says besides: who asked for it, and why.
    ///   - install: puts the new key in the place of the old one. Called when the entry is durable, and before anything is
    ///     signed. What it throws is thrown at the end: the new key is in force.
    func rotate(
        to new: NoteSigner, detail: [String: JSONValue], install: @Sendable () throws -> Void
    ) async throws -> KeyRotation
}

package final class CheckpointSigner: CheckpointSigning {
    private typealias Finish = @Sendable (Result<LedgerOutcome, any Error>) -> Void

    private struct State {
        var key: NoteSigner
        var newest: SignedCheckpoint?
        /// Those who are to be told of checkpoints that wait for the end of a rotation; nil: there is none.
        var waiting: [Finish]?
    }

    private let writer: LedgerWriter
    private let archive: CheckpointFile
    private let state: Mutex<State>

    /// - Parameter archive: the copy beside the ledger.
    package init(_ writer: LedgerWriter, key: NoteSigner, archive: CheckpointFile) {
        self.writer = writer
        self.archive = archive
        state = Mutex(State(key: key))
    }

    /// The newest checkpoint that was signed here, whether or not it could be kept beside the ledger.
    package var newest: SignedCheckpoint? { state.withLock(\.newest) }

    @discardableResult
    package func sign() async throws -> SignedCheckpoint? { try await sign { _ in } }

    /// As `CheckpointSigning.sign`.
    /// - Parameter signed: told as soon as the checkpoint is durable in the ledger, before its copy is kept beside it: who else is to
    ///   have it does not wait for that, and has it also where that fails.
    @discardableResult
    package func sign(_ signed: (SignedCheckpoint) -> Void) async throws -> SignedCheckpoint? {
        let outcome = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<LedgerOutcome, any Error>) in
            submit { continuation.resume(with: $0) }
        }
        guard case .checkpointed(let checkpoint?) = outcome else { return nil }
        state.withLock { $0.newest = checkpoint }
        signed(checkpoint)
        try await archive.append(checkpoint)
        return checkpoint
    }

    /// The writer works in order, and the lock is held until it has the operation: nothing that covers the entry of a rotation
    /// is signed by the old key.
    private func submit(_ finish: @escaping Finish) {
        state.withLock { state in
            guard state.waiting == nil else {
                state.waiting?.append(finish)
                return
            }
            writer.submit(.checkpoint(state.key), finish: finish)
        }
    }

    package func rotate(
        to new: NoteSigner, detail: [String: JSONValue], install: @Sendable () throws -> Void
    ) async throws -> KeyRotation {
        try await rotate(to: new, detail: detail, install: install, signed: { _ in })
    }

    /// As `CheckpointSigning.rotate`.
    /// - Parameter signed: as of `sign`, of the checkpoint under the new key.
    package func rotate(
        to new: NoteSigner, detail: [String: JSONValue], install: @Sendable () throws -> Void,
        signed: (SignedCheckpoint) -> Void
    ) async throws -> KeyRotation {
        let current: NoteSigner? = state.withLock { state in
            guard state.waiting == nil else { return nil }
            state.waiting = []
            return state.key
        }
        guard let old = current else { throw LedgerError(.busy, "the key is being rotated already") }
        let rotation: KeyRotation
        do {
            rotation = try KeyRotation(from: old, to: new)
            var attempt = rotation.attempt
            attempt.detail.merge(detail) { rotation, _ in rotation }
            _ = try await writer.append(attempt)
        } catch {
            goOn(with: old)
            throw error
        }
        let installed = Result { try install() }
        goOn(with: new)
        do { try await sign(signed) } catch {
            // A key that is not in its place is the greater trouble.
            try installed.get()
            throw error
        }
        try installed.get()
        return rotation
    }

    /// Ends a rotation.
    private func goOn(with key: NoteSigner) {
        state.withLock { state in
            state.key = key
            for finish in state.waiting ?? [] { writer.submit(.checkpoint(key), finish: finish) }
            state.waiting = nil
        }
    }
}
