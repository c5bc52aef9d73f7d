// A witness behind HTTP: each checkpoint is posted to its URL as a signed note, and the newest one is asked back.
package import Ledger
import Settings

package struct HTTPWitness: Witness {
    /// The URL without its query, which may hold a secret.
    package let name: String
    private let url: String

    private static let type = "text/plain; charset=utf-8"

    package init(url: String) {
        self.url = url
        name = WitnessURL.shown(url)
    }

    private static func refused(_ method: String, _ status: Int) -> OutgoingError {
        let next =
            switch status {
            case 300..<400:
                "redirects are not followed: name the URL that it redirects to in ledger.witnesses"
            case 401, 403, 407: "let it take this machine's address without a password"
            case 404, 405, 410: "see whether the path in ledger.witnesses is right"
            default: "look into its log"
            }
        return OutgoingError(.refused, "it answered \(method) with \(status); \(next)")
    }

    /// POST; any 2xx means that it is kept.
    package func keep(_ checkpoint: SignedCheckpoint) async throws {
        let note = Array(checkpoint.note.description.utf8)
        let answer = try await HTTPExchange(url: url).post(note, type: Self.type)
        guard (200..<300).contains(answer.status) else {
            throw Self.refused("POST", answer.status)
        }
    }

    package func newest() async throws -> SignedCheckpoint? {
        let kept = try await self.answer()
        guard kept.damage.isEmpty else {
            throw OutgoingError(
                .refused,
                "it answered GET with something that is not a checkpoint; see whether the path in "
                    + "ledger.witnesses is right")
        }
        return kept.checkpoints.first
    }

    /// GET; 404, 405 and 501 mean that it does not give checkpoints back.
    package func answer() async throws -> KeptCheckpoints {
        let answer = try await HTTPExchange(url: url).get()
        switch answer.status {
        case 200:
            let text = String(decoding: answer.body, as: UTF8.self)
            guard let signed = SignedNote(parsing: text).flatMap(SignedCheckpoint.init) else {
                return KeptCheckpoints(damage: [.init(place: "the answer of \(name)", text: text)])
            }
            return KeptCheckpoints(checkpoints: [signed])
        case 404, 405, 501: return KeptCheckpoints()
        default: throw Self.refused("GET", answer.status)
        }
    }
}
