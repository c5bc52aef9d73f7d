// Who is given each checkpoint: the directory beside the ledger, and witnesses out of its reach.

package protocol CheckpointKeeper: Sendable {
    /// For logs, metrics and messages: the file, the URL.
    var name: String { get }

    /// Takes a checkpoint; returns when it is safe there.
    func keep(_ checkpoint: SignedCheckpoint) async throws

    /// The newest checkpoint that it has. nil when it has none, or does not give them back.
    func newest() async throws -> SignedCheckpoint?
}
