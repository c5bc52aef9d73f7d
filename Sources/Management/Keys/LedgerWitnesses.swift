// Who keeps the ledger's checkpoints, by its settings, and what they have kept so far.
import Admission
import Audit
import Blocking
package import Ledger
import Logging
package import Settings

package struct LedgerWitnesses {
    /// How long all keepers together are waited for, or one answer of theirs for a verification. A lost packet of a new connection is
    /// sent again after 1 and 3 s (RFC 6298, section 2), so two may be lost; and a start with a witness that is silent is no later than
    /// this.
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

    /// What keepers have, as far as they could be asked.
    package struct Seen: Sendable {
        /// The newest checkpoint of each that has one.
        package fileprivate(set) var checkpoints: [(checkpoint: Checkpoint, keeper: String)] = []
        /// Of each that keeps files, the entries of its newest checkpoint; nil: it has none.
        fileprivate var files: [(name: String, size: Int64?)] = []

        /// What to warn of: witnesses' files that have less than they took. No error: who rotates such a file away takes nothing from
        /// the ledger.
        /// - Parameter taken: what the ledger says that witnesses have taken. Who asks beside a running gate reads it before they are
        ///   asked.
        package func lacks(_ taken: [WitnessedSize]) -> [String] {
            files.compactMap { file in
                LedgerWitnesses.lack(of: file.name, having: file.size.map { [$0] } ?? [], taken)
            }
        }
    }

    /// The newest checkpoint of each keeper. One that cannot be asked is passed over, with a warning. Throws
    /// `LedgerError(.forked)` for one that no key of this ledger signed.
    package func seen(_ warn: (String) -> Void) async throws -> Seen {
        var seen = Seen()
        let keepers = [archive] + witnesses
        for (keeper, answer) in zip(keepers, await keepers.newest(within: Self.patience)) {
            switch answer {
            case .success(let newest):
                if keeper is CheckpointFile { seen.files.append((keeper.name, newest?.checkpoint.size)) }
                guard let newest else { continue }
                guard verifiers.contains(where: newest.note.isSigned) else {
                    throw LedgerError(
                        .forked,
                        "\(keeper.name) has a checkpoint that none of this ledger's keys signed: it is of another "
                            + "ledger, or the key was replaced. Nothing is appended",
                        fix: "put the keys back from the backup; a new ledger needs a new witness")
                }
                seen.checkpoints.append((newest.checkpoint, keeper.name))
            case .failure(let error): warn(Self.unasked(keeper, error))
            }
        }
        return seen
    }

    private static func unasked(_ witness: any Witness, _ error: any Error) -> String {
        "witness \(witness.name) cannot be asked what it has, so the ledger is not compared with it: \(error)"
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
                let inPart =
                    "witness \(witness.name) cannot be read to its end, so the ledger is compared only with what was read: \(failure)"
                faults.append(.notCompared(answer.kept.isEmpty ? Self.unasked(witness, failure) : inPart))
            } else if isFile,
                let lack = Self.lack(
                    of: witness.name, having: answer.kept.checkpoints.map(\.checkpoint.size), taken)
            {
                faults.append(.notCompared(lack))
            }
        }
        return faults
    }

    /// What to say of a witness's file that has less than it took; nil where it has all of that.
    /// - Parameters:
    ///   - sizes: entries of the checkpoints that were found in it.
    ///   - taken: what the ledger says that witnesses have taken.
    private static func lack(of name: String, having sizes: [Int64], _ taken: [WitnessedSize]) -> String? {
        guard let taken = taken.first(where: { $0.name == name }),
            !sizes.contains(where: { $0 >= taken.size })
        else { return nil }
        return
            "witness \(name) has no checkpoint of \(Counted.entries(taken.size)) or more, but it took one, "
            + "as the ledger says; check whether its filesystem is mounted, and who shortened or removed the file"
    }

    /// What a witness has, as far as it could be asked.
    private struct Answer: Sendable {
        var kept: KeptCheckpoints
        var failure: (any Error)?
    }
}
