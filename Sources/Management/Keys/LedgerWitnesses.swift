// Who keeps the ledger's checkpoints, by its settings, and what they have kept so far.
import Audit
package import Ledger
import Logging
package import Settings

package struct LedgerWitnesses {
    /// How long all keepers together are waited for. A lost packet of a new connection is sent again after 1 and 3 s
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

    /// Adds what each witness has, signed by whomever. One that cannot be asked is passed over, with a warning.
    func collect(_ evidence: inout LedgerVerifier.Evidence, _ warn: (String) -> Void) async {
        for (witness, answer) in zip(witnesses, await witnesses.kept(within: Self.patience)) {
            switch answer {
            case .success(let kept):
                // The gate appends to a file; other witnesses answer for what they give.
                evidence.add(
                    kept, of: witness.name, isOutside: true, mayBeTorn: witness is CheckpointFile)
            case .failure(let error):
                warn(
                    "witness \(witness.name) cannot be asked what it has, and is not compared with: \(error)")
            }
        }
    }
}
