// Signs the head of the ledger soon after each append and once in a while when nothing comes, and hands each
// checkpoint to the copy beside the ledger and to the witnesses. One of them that fails stops nothing else.
import Admission
import Blocking
package import Intake
package import JSON
package import Ledger
import Logging
import Metering
import ServiceLifecycle
import Synchronization

package final class Checkpointer: Service, CheckpointSigning {
    /// Names of the problems in the gate's health.
    package static let problem = "checkpoint"
    package static let witnessProblem = "witness"
    /// How long a witness may take for a checkpoint. HTTP and syslog give up before; a file on a mount whose server is gone
    /// never does.
    private static let patience: Duration = .seconds(15)
    /// How often the head is signed when nothing is appended.
    package static let idle: Duration = .seconds(60)

    /// What was signed, and when: by a clock that nobody sets. The checkpoint's own time is the newest entry's where that is
    /// ahead.
    private struct Signed: Sendable {
        var checkpoint: SignedCheckpoint
        var at: Duration

        var size: Int64 { checkpoint.checkpoint.size }
    }

    /// Of one witness, since the start.
    private struct Standing {
        /// The newest checkpoint that it has taken.
        var taken: Signed?
        var succeeded: Instant?
        var failed: Instant?
    }

    private let intake: Intake
    private let every: Duration
    private let signer: CheckpointSigner
    /// It looks into the ledger; what a witness blocks is its own thread.
    private let executor = BlockingExecutor(label: "checkpointer", width: 1)
    private let witnesses: [any Witness]
    private let mailboxes: [(stream: AsyncStream<Signed>, continuation: AsyncStream<Signed>.Continuation)]
    /// By the names of witnesses.
    private let standings: Mutex<[String: Standing]>
    private let uptime: @Sendable () -> Duration
    /// When the head was signed last; nil: not since the start.
    private let lastSigned = Mutex<Duration?>(nil)

    /// - Parameters:
    ///   - every: the time from an append to its checkpoint, at most.
    ///   - uptime: as of `ClockWatch`.
    package init(
        _ intake: Intake, key: NoteSigner, every: Duration, archive: CheckpointFile,
        witnesses: [any Witness], uptime: @escaping @Sendable () -> Duration = { MachineTime.uptime }
    ) {
        self.intake = intake
        self.every = every
        self.uptime = uptime
        signer = intake.checkpointSigner(key: key, archive: archive)
        self.witnesses = witnesses
        // A witness that is slow gets the newest checkpoint, not all of them: it covers those before.
        mailboxes = witnesses.map { _ in AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }
        standings = Mutex(
            Dictionary(witnesses.map { ($0.name, Standing()) }, uniquingKeysWith: { first, _ in first }))
        addMetrics()
    }

    // MARK: Signing

    /// Goes on until graceful shutdown. What is on its way to a witness then is given up: `finish` brings a newer one.
    package func run() async throws {
        await withTaskExecutorPreference(executor) {
            await cancelWhenGracefulShutdown { await self.signAndDeliver() }
        }
    }

    private func signAndDeliver() async {
        await withTaskGroup(of: Void.self) { group in
            for (witness, mailbox) in zip(witnesses, mailboxes) {
                group.addTask {
                    for await signed in mailbox.stream { await self.deliver(signed, to: witness) }
                }
            }
            while !Task.isCancelled {
                await signIfDue()
                try? await Task.sleep(for: every)
            }
            for mailbox in mailboxes { mailbox.continuation.finish() }
        }
    }

    private func signIfDue() async {
        let isDue: Bool
        do {
            let size = try intake.ledgerSize()
            let isIdle = lastSigned.withLock(\.self).map { uptime() - $0 >= Self.idle } ?? (size > 0)
            isDue = size > signer.newest?.checkpoint.size ?? 0 || isIdle
        } catch {
            signingFails(error)
            return
        }
        // Why there is none is in the health.
        if isDue { _ = try? await sign() }
    }

    @discardableResult
    package func sign() async throws -> SignedCheckpoint? { try await signHead(send) }

    /// What becomes of it is in the health: whoever asks for a checkpoint that succeeds ends the problem of those before it.
    /// - Parameter signed: told what is signed, also where it cannot be kept beside the ledger.
    @discardableResult
    private func signHead(_ signed: (Signed) -> Void) async throws -> SignedCheckpoint? {
        do {
            let checkpoint = try await signer.sign { signed(note($0)) }
            works(Self.problem, Self.signing)
            return checkpoint
        } catch {
            signingFails(error)
            throw error
        }
    }

    private func send(_ signed: Signed) { mailboxes.forEach { $0.continuation.yield(signed) } }

    private static let signing = "signing checkpoints"

    /// It is tried again with the next look, and not only once something is appended.
    private func signingFails(_ error: any Error) {
        lastSigned.withLock { $0 = nil }
        fails(Self.problem, Self.signing, error)
    }

    private func note(_ checkpoint: SignedCheckpoint) -> Signed {
        let signed = Signed(checkpoint: checkpoint, at: uptime())
        lastSigned.withLock { $0 = signed.at }
        return signed
    }

    /// The last checkpoint of a gate that stops, to all witnesses at once. Call it after the last append. Whoever cancels it
    /// waits for them no longer; the log says which of them did not take it.
    package func finish() async {
        await withTaskGroup(of: Void.self) { group in
            _ = try? await signHead { signed in
                for witness in witnesses { group.addTask { await self.deliverLast(signed, to: witness) } }
            }
        }
    }

    private func deliverLast(_ signed: Signed, to witness: any Witness) async {
        guard await !deliver(signed, to: witness) else { return }
        intake.logger.warning(
            "witness \(witness.name) has not taken the last checkpoint before the stop; it gets the next one after the start"
        )
    }

    package func rotate(
        to new: NoteSigner, detail: [String: JSONValue], install: @Sendable () throws -> Void
    ) async throws -> KeyRotation {
        let rotation: KeyRotation
        do {
            rotation = try await signer.rotate(to: new, detail: detail, install: install) { send(note($0)) }
        } catch {
            // The checkpoint under the new key may be signed and not kept beside the ledger.
            lastSigned.withLock { $0 = nil }
            throw error
        }
        works(Self.problem, Self.signing)
        return rotation
    }

    /// Returns whether the witness has taken it. A delivery that is cancelled says nothing of the witness.
    @discardableResult
    private func deliver(_ signed: Signed, to witness: any Witness) async -> Bool {
        let what = "witness \(witness.name)"
        do {
            try await within(Self.patience) { try await witness.keep(signed.checkpoint) }
            standings.withLock {
                $0[witness.name]?.taken = signed
                $0[witness.name]?.succeeded = intake.now
            }
            works(Self.witnessProblem, what)
            // The ledger's own trouble is not the witness's; how far that one is, is seen again with the next checkpoint.
            _ = try? await intake.carryOut(
                .witnessed(name: witness.name, size: signed.size, at: intake.now))
            return true
        } catch {
            guard !Task.isCancelled else { return false }
            standings.withLock { $0[witness.name]?.failed = intake.now }
            fails(Self.witnessProblem, what, error)
            return false
        }
    }

    /// In the gate's health each time; one line in the log when something begins to fail, and one when it works again.
    private func fails(_ problem: String, _ what: String, _ error: any Error) {
        let message = "\(what) fails, and is tried again with each checkpoint: \(error)"
        if intake.health.set(problem: problem, of: what, message: message) {
            intake.logger.error("\(message)")
        }
    }

    private func works(_ problem: String, _ what: String) {
        if intake.health.clear(problem: problem, of: what) { intake.logger.notice("\(what) works again") }
    }

    // MARK: Figures

    /// The newest checkpoint that a witness has taken since the start; nil before the first.
    private var witnessed: Signed? {
        standings.withLock { $0.values.compactMap(\.taken).max { $0.size < $1.size } }
    }

    /// The gate's metrics outlive this and must not keep it.
    private func addMetrics() {
        func add(
            _ name: String, _ help: String,
            _ read: @escaping @Sendable (Checkpointer) -> [MetricRegistry.Reading]
        ) {
            intake.metrics.add(name, help) { [weak self] in self.map(read) ?? [] }
        }
        add("dropgate_ledger_entries", "Entries of the ledger.") { [MetricRegistry.Reading($0.size)] }
        add("dropgate_ledger_signed_entries", "Entries under the newest checkpoint.") {
            [MetricRegistry.Reading($0.signer.newest?.checkpoint.size ?? 0)]
        }
        add("dropgate_ledger_unwitnessed_entries", "Entries that no witness has taken a checkpoint of yet.") {
            [MetricRegistry.Reading($0.size - ($0.witnessed?.size ?? 0))]
        }
        add(
            "dropgate_ledger_unwitnessed_seconds",
            "Age of the newest checkpoint that a witness has taken, while entries wait; -1 before the first."
        ) { checkpointer in
            guard let newest = checkpointer.witnessed else { return [MetricRegistry.Reading(-1)] }
            let age = (checkpointer.uptime() - newest.at).components.seconds
            return [MetricRegistry.Reading(checkpointer.size > newest.size ? age : 0)]
        }
        func addOfWitness(
            _ name: String, _ help: String, _ read: @escaping @Sendable (Standing) -> Int64?
        ) {
            add(name, help) { checkpointer in
                checkpointer.standings.withLock(\.self).sorted { $0.key < $1.key }.compactMap { witness in
                    read(witness.value).map { MetricRegistry.Reading($0, labels: [("witness", witness.key)]) }
                }
            }
        }
        addOfWitness(
            "dropgate_ledger_witness_entries", "Entries under the newest checkpoint that a witness has taken."
        ) { $0.taken?.size }
        addOfWitness(
            "dropgate_ledger_witness_success_timestamp_seconds",
            "When a witness took a checkpoint last; 0 before the first since the start."
        ) { ($0.succeeded?.microseconds ?? 0) / 1_000_000 }
        addOfWitness(
            "dropgate_ledger_witness_failure_timestamp_seconds",
            "When a witness failed to take a checkpoint last; 0 before the first since the start."
        ) { ($0.failed?.microseconds ?? 0) / 1_000_000 }
    }

    private var size: Int64 { (try? intake.ledgerSize()) ?? 0 }
}
