// Who keeps the ledger's checkpoints, by its settings, and what they have kept so far.
import Audit
import Ledger
import Logging
import Settings

struct LedgerKeepers {
    let archive: CheckpointFile
    let witnesses: [any CheckpointKeeper]
    private let verifiers: Set<NoteVerifier>

    init(_ settings: GateSettings) throws {
        archive = CheckpointFile(directory: LedgerPaths(settings.ledger.path).checkpoints)
        witnesses = settings.ledger.witnesses.compactMap { witness in
            switch witness {
            case .file(let path): CheckpointFile(file: path)
            case .http(let url): HTTPWitness(url: url)
            case .syslog: settings.forward.syslog.map { SyslogWitness($0) }
            }
        }
        // Without a public key no kept checkpoint can be believed, and the first one that is found ends it.
        let keys = LedgerKeys(settings)
        verifiers = keys.hasPublicKeys ? try keys.verifiers() : []
    }

    /// The newest checkpoint of each keeper. One that cannot be asked is passed over, with a warning.
    func seen(_ warn: (String) -> Void) async throws -> [(checkpoint: Checkpoint, keeper: String)] {
        var seen: [(checkpoint: Checkpoint, keeper: String)] = []
        for keeper in [archive] + witnesses {
            do {
                guard let newest = try await keeper.newest() else { continue }
                guard verifiers.contains(where: newest.note.isSigned) else {
                    throw LedgerError(
                        .forked,
                        "\(keeper.name) has a checkpoint that none of this ledger's keys signed: it is of another "
                            + "ledger, or the key was replaced. Nothing is appended. A new ledger needs a new witness"
                    )
                }
                seen.append((newest.checkpoint, keeper.name))
            } catch let error as LedgerError where error.code == .forked {
                throw error
            } catch {
                warn("witness \(keeper.name) cannot be asked for its newest checkpoint: \(error)")
            }
        }
        return seen
    }
}
