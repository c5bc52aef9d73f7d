// Evidence: what was signed last, with which keys, and that one entry is in it. Who has an entry's bytes, its proof and the key verifies it
// without the gate (`Deploy/verify-bundle.py`).
import Admission
import Hummingbird
import Ledger
import Management

extension API {
    /// That an entry is in the signed tree (C2SP tlog-proof).
    func proof(_ call: Call) async throws -> Response {
        let seq = try entry(call).seq
        let proof = try await services.ledger.prove(seq, by: try call.attribution(), warn: { _ in })
        return Self.text(proof.description, for: call.request)
    }

    /// The newest signed note (C2SP tlog-checkpoint).
    func checkpoint(_ call: Call) throws -> Response {
        guard let note = try services.ledger.newestCheckpoint() else {
            throw Problem(.notFound, "not_found", "no checkpoint is signed yet; ask again in some seconds")
        }
        return Self.text(note, for: call.request)
    }

    /// The ledger's public keys, one a line (C2SP signed-note).
    func keys(_ call: Call) throws -> Response {
        Self.text(try services.ledger.publicKeys(), for: call.request)
    }
}
