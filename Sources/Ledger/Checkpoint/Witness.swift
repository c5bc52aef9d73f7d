// Who is given each checkpoint: the directory beside the ledger, and witnesses out of its reach.
import Blocking

/// Calls of one that has nothing to say end soon after their task is cancelled. Errors are one sentence and a next step,
/// without the name: whoever reports them says it.
package protocol Witness: Sendable {
    /// For logs, metrics and messages: the file, the URL. No secret is in it.
    var name: String { get }

    /// Takes a checkpoint; returns when it is safe there.
    func keep(_ checkpoint: SignedCheckpoint) async throws

    /// The newest checkpoint that it has. nil when it has none, or does not give them back.
    func newest() async throws -> SignedCheckpoint?

    /// What it gives back when it is asked once: its newest checkpoint, what is damaged in that one's place, or nothing. A file has
    /// more: see `kept(through:patience:)`.
    func answer() async throws -> KeptCheckpoints

    /// All that it gives back for a verification, what is damaged too, through a sieve. What has come through counts also where the
    /// rest does not come.
    /// - Parameter patience: how long each answer is waited for. Throws `TimeoutError` then.
    func kept(through sieve: inout CheckpointSieve, patience: Duration) async throws
}

extension Witness {
    package func answer() async throws -> KeptCheckpoints {
        KeptCheckpoints(checkpoints: try await newest().map { [$0] } ?? [])
    }

    package func kept(through sieve: inout CheckpointSieve, patience: Duration) async throws {
        let answer = try await within(patience) { try await self.answer() }
        sieve.add(answer)
    }
}

extension [any Witness] {
    /// What each answers when it is asked for its newest checkpoint, in order. All are asked at once, and `bound` is one
    /// for all of them.
    package func newest(within bound: Duration) async -> [Result<SignedCheckpoint?, any Error>] {
        await mapAtOnce { keeper in
            await .of { try await within(bound) { try await keeper.newest() } }
        }
    }
}
