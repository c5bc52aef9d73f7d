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
}

extension [any Witness] {
    /// What each answers when it is asked for its newest checkpoint, in order. All are asked at once, and `bound` is one
    /// for all of them.
    package func newest(within bound: Duration) async -> [Result<SignedCheckpoint?, any Error>] {
        await withTaskGroup(of: (Int, Result<SignedCheckpoint?, any Error>).self) { group in
            for (index, keeper) in enumerated() {
                group.addTask {
                    do {
                        return (index, .success(try await within(bound) { try await keeper.newest() }))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            var answers = [Result<SignedCheckpoint?, any Error>](repeating: .success(nil), count: count)
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
    }
}
