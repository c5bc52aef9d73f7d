// Who keeps the ledger's checkpoints, by its settings, and what they have kept so far.
import Admission
import Audit
import Blocking
package import Ledger
import Logging
package import Settings

package struct LedgerWitnesses {
    /// How long all keepers together are waited for, or one answer of theirs for a verification. A lost packet of a new connection is sent again after 1 and 3 s
    /// (RFC 6298, section 2), so two may be lost; and a start with a witness that is silent is no later than this.
    static let patience = Duration.seconds(5)

    package let archive: CheckpointFile
    package let witnesses: [any Witness]
    private let verifiers: Set<NoteVerifier>

    package init(_ settings: GateSettings) throws {
        archive = settings.ledgerHandle.checkpoints
        witnesses = settings.ledger.witnesses.compactMap { witness in
            switch witness {
            case .file(let path): CheckpointFile(file: path)
            case .http(let url): HTTPWitness(url: url)
            case .syslog: settings.forward.syslog.map { SyslogWitness($0) }
            }
        }
        // Without a public key no kept checkpoint can be believed, and the first one that is found ends it.
        let keys = LedgerKeys(settings)
        verifiers = try keys.hasPublicKeys() ? try keys.verifiers() : []
    }

    /// The newest checkpoint of each keeper. One that cannot be asked is passed over, with a warning.
    package func seen(_ warn: (String) -> Void) async throws -> [(checkpoint: Checkpoint, keeper: String)] {
        var seen: [(checkpoint: Checkpoint, keeper: String)] = []
        let keepers = [archive] + witnesses
        for (keeper, answer) in zip(keepers, await keepers.newest(within: Self.patience)) {
            switch answer {
            case .success(nil): break
            case .success(let newest?):
                guard verifiers.contains(where: newest.note.isSigned) else {
                    throw LedgerError(
                        .forked,
                        "\(keeper.name) has a checkpoint that none of this ledger's keys signed: it is of another "
                            + "ledger, or the key was replaced. Nothing is appended",
                        fix: "put the keys back from the backup; a new ledger needs a new witness")
                }
                seen.append((newest.checkpoint, keeper.name))
            case .failure(let error):
                warn("witness \(keeper.name) cannot be asked what it has, and is not compared with: \(error)")
            }
        }
        return seen
    }

    /// Adds what each witness has, signed by whomever, but for what says no more than the ledger's own checkpoints do.
    /// - Parameters:
    ///   - sieve: of this ledger.
    ///   - taken: what the ledger says that witnesses have taken.
    ///   - patience: how long each answer is waited for; a long file is read to its end however long that takes.
    /// - Returns: a finding for each witness that the ledger could not be compared with.
    func collect(
        _ evidence: inout LedgerVerifier.Evidence, through sieve: CheckpointSieve, taken: [WitnessedSize],
        patience: Duration
    ) async -> [LedgerFault] {
        let answers = await witnesses.mapAtOnce { witness -> Answer in
            var sieve = sieve
            do {
                try await witness.kept(through: &sieve, patience: patience)
                return Answer(kept: sieve.rest, failure: nil)
            } catch {
                return Answer(kept: sieve.rest, failure: error)
            }
        }
        var faults: [LedgerFault] = []
        for (witness, answer) in zip(witnesses, answers) {
            // The gate appends to a file; other witnesses answer for what they give.
            let isFile = witness is CheckpointFile
            evidence.add(answer.kept, of: witness.name, isOutside: true, mayBeTorn: isFile)
            if let failure = answer.failure {
                let what =
                    answer.kept.isEmpty
                    ? "cannot be asked what it has, and is not compared with"
                    : "cannot be read to its end, and is compared only as far as it could be"
                faults.append(.notCompared("witness \(witness.name) \(what): \(failure)"))
            } else if isFile, let taken = taken.first(where: { $0.name == witness.name }),
                !answer.kept.checkpoints.contains(where: { $0.checkpoint.size >= taken.size })
            {
                faults.append(
                    .notCompared(
                        "witness \(witness.name) has no checkpoint of \(Counted.entries(taken.size)) or more, but it took one, "
                            + "as the ledger says; see whether its filesystem is mounted, and who has cut or removed the "
                            + "file"))
            }
        }
        return faults
    }

    /// What a witness has, as far as it could be asked.
    private struct Answer: Sendable {
        var kept: KeptCheckpoints
        var failure: (any Error)?
    }
}
