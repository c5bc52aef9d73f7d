// Signs and rotates on behalf of commands: the running gate does it, because it alone writes the ledger; without one
// the ledger is opened here.
import Admission
import Foundation
import Ledger
import Settings

struct LedgerOwner {
    private let settings: GateSettings
    private let control: ControlClient

    init(_ settings: GateSettings) {
        self.settings = settings
        control = ControlClient(path: settings.controlSocket)
    }

    /// The signed note; nil for an empty ledger.
    func checkpoint() async throws -> String? {
        if await control.answers() { return try await control.ask(["checkpoint": true])["note"]?.string }
        let key = try LedgerKeys(settings).signer()
        let store = try await Self.open(settings)
        return try sign(store, [.checkpoint(key)])?.note.description
    }

    /// The new public key.
    func rotateKey() async throws -> String {
        if await control.answers() {
            guard let key = try await control.ask(["rotate_key": true])["key"]?.string else {
                throw Failure(.inside, "the running gate did not rotate its key")
            }
            return key
        }
        let keys = LedgerKeys(settings)
        let store = try await Self.open(settings)
        let old = try keys.signer()
        let new = try keys.prepareNext()
        _ = try sign(
            store, [.append(try KeyRotation(from: old, to: new).attempt, drop: nil), .checkpoint(new)])
        try keys.adoptNext()
        return new.verifier.description
    }

    /// The ledger, for writing beside no gate. Throws `LedgerError`: `.locked` when a gate runs after all,
    /// `.rolledBack` or `.forked` when it is not what was seen signed.
    static func open(_ settings: GateSettings) async throws -> SQLiteLedgerStore {
        let seen = try await LedgerKeepers(settings).seen { Output.note($0) }
        let store = try SQLiteLedgerStore(path: settings.ledger.path, node: settings.node)
        for seen in seen { try store.require(extends: seen.checkpoint, keptBy: seen.keeper) }
        return store
    }

    private func sign(_ store: SQLiteLedgerStore, _ operations: [LedgerOperation]) throws -> SignedCheckpoint?
    {
        guard case .checkpointed(let signed?) = try store.commit(operations, now: .now()).last else {
            return nil
        }
        try CheckpointFile(directory: LedgerPaths(settings.ledger.path).checkpoints).append(signed)
        return signed
    }
}
