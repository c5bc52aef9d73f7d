// Signs the head of the ledger soon after each append and once in a while when nothing comes, and hands each
// checkpoint to the copy beside the ledger and to the witnesses. A witness that fails stops nothing else.
import Admission
package import Ledger
import Logging
import ServiceLifecycle
import Synchronization

package final class Checkpointer: Service {
    /// How often the head is signed when nothing is appended.
    package static let idle: Duration = .seconds(60)

    private struct State {
        var key: NoteSigner
        var signed: SignedCheckpoint?
        /// The newest checkpoint that each witness has taken.
        var taken: [String: Checkpoint] = [:]
        var failing: Set<String> = []
    }

    private let intake: Intake
    private let every: Duration
    private let archive: CheckpointFile
    private let witnesses: [any CheckpointKeeper]
    private let mailboxes:
        [(stream: AsyncStream<SignedCheckpoint>, continuation: AsyncStream<SignedCheckpoint>.Continuation)]
    private let state: Mutex<State>

    /// - Parameter every: the time from an append to its checkpoint, at most.
    package init(
        _ intake: Intake, key: NoteSigner, every: Duration, archive: CheckpointFile,
        witnesses: [any CheckpointKeeper]
    ) {
        self.intake = intake
        self.every = every
        self.archive = archive
        self.witnesses = witnesses
        // A witness that is slow gets the newest checkpoint, not all of them: it covers those before.
        mailboxes = witnesses.map { _ in AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }
        state = Mutex(State(key: key))
        addGauges()
    }

    // MARK: Signing

    package func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            for (witness, mailbox) in zip(witnesses, mailboxes) {
                group.addTask {
                    for await checkpoint in mailbox.stream { await self.deliver(checkpoint, to: witness) }
                }
            }
            group.addTask {
                await cancelWhenGracefulShutdown {
                    while !Task.isCancelled {
                        await self.signIfDue()
                        try? await Task.sleep(for: self.every)
                    }
                }
                for mailbox in self.mailboxes { mailbox.continuation.finish() }
            }
        }
    }

    private func signIfDue() async {
        do {
            let signed = state.withLock { $0.signed?.checkpoint }
            let size = try intake.store.size()
            guard size > signed?.size ?? 0 || intake.now - (signed?.time ?? intake.now) >= Self.idle else {
                return
            }
            if let checkpoint = try await sign() { mailboxes.forEach { $0.continuation.yield(checkpoint) } }
            report(nil, as: "checkpoint")
        } catch {
            report(error, as: "checkpoint")
        }
    }

    /// Signs the head now, keeps the checkpoint beside the ledger, and returns it; nil for an empty ledger.
    @discardableResult
    package func sign() async throws -> SignedCheckpoint? {
        let key = state.withLock { $0.key }
        guard case .checkpointed(let signed?) = try await intake.writer.commit(.checkpoint(key)) else {
            return nil
        }
        state.withLock { $0.signed = signed }
        try archive.append(signed)
        return signed
    }

    /// The last checkpoint of a gate that stops, to all witnesses. Call it after the last append.
    package func finish() async {
        do {
            guard let checkpoint = try await sign() else { return }
            await withTaskGroup(of: Void.self) { group in
                for witness in witnesses { group.addTask { await self.deliver(checkpoint, to: witness) } }
            }
        } catch {
            report(error, as: "checkpoint")
        }
    }

    /// Goes over to another key: an entry under both signatures, then a checkpoint under the new one.
    package func rotate(to new: NoteSigner) async throws -> KeyRotation {
        let rotation = try KeyRotation(from: state.withLock { $0.key }, to: new)
        try await intake.record(rotation.attempt)
        state.withLock { $0.key = new }
        if let checkpoint = try await sign() { mailboxes.forEach { $0.continuation.yield(checkpoint) } }
        return rotation
    }

    private func deliver(_ signed: SignedCheckpoint, to witness: any CheckpointKeeper) async {
        do {
            try await witness.keep(signed)
            try await intake.writer.commit(
                .witnessed(name: witness.name, size: signed.checkpoint.size, at: intake.now))
            state.withLock { $0.taken[witness.name] = signed.checkpoint }
            report(nil, as: "witness \(witness.name)")
        } catch {
            report(error, as: "witness \(witness.name)")
        }
    }

    /// One line when something begins to fail, and one when it works again.
    private func report(_ error: (any Error)?, as name: String) {
        let isNew = state.withLock { state in
            error == nil ? state.failing.remove(name) != nil : state.failing.insert(name).inserted
        }
        guard isNew else { return }
        if let error {
            intake.logger.error("\(name) fails, it is tried again: \(error)")
        } else {
            intake.logger.notice("\(name) works again")
        }
    }

    // MARK: Figures

    /// The newest checkpoint that a witness has taken since the start; nil before the first.
    private var witnessed: Checkpoint? { state.withLock { $0.taken.values.max { $0.size < $1.size } } }

    /// The gate's gauges outlive this and must not keep it.
    private func addGauges() {
        func add(
            _ name: String, _ help: String, _ read: @escaping @Sendable (Checkpointer) -> [Gauges.Reading]
        ) {
            intake.gauges.add(name, help) { [weak self] in self.map(read) ?? [] }
        }
        add("dropgate_ledger_entries", "Entries of the ledger.") { [Gauges.Reading($0.size)] }
        add("dropgate_ledger_signed_entries", "Entries under the newest checkpoint.") {
            [Gauges.Reading($0.state.withLock { $0.signed?.checkpoint.size } ?? 0)]
        }
        add("dropgate_ledger_unwitnessed_entries", "Entries that no witness has taken a checkpoint of yet.") {
            [Gauges.Reading($0.size - ($0.witnessed?.size ?? 0))]
        }
        add(
            "dropgate_ledger_unwitnessed_seconds",
            "Age of the newest checkpoint that a witness has taken, while entries wait; -1 before the first."
        ) { checkpointer in
            guard let newest = checkpointer.witnessed else { return [Gauges.Reading(-1)] }
            let age = (checkpointer.intake.now - newest.time).components.seconds
            return [Gauges.Reading(checkpointer.size > newest.size ? age : 0)]
        }
        add(
            "dropgate_ledger_witness_entries", "Entries under the newest checkpoint that a witness has taken."
        ) {
            $0.state.withLock { $0.taken }.sorted { $0.key < $1.key }
                .map { Gauges.Reading($0.value.size, labels: [("witness", $0.key)]) }
        }
    }

    private var size: Int64 { (try? intake.store.size()) ?? 0 }
}
