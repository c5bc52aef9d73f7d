// A witness behind HTTP: each checkpoint is posted to its URL as a signed note, and the newest one is asked back.
package import Ledger

package struct HTTPWitness: CheckpointKeeper {
    package let name: String

    private static let type = "text/plain; charset=utf-8"

    package init(url: String) { name = url }

    package struct Refused: Error, CustomStringConvertible {
        package let description: String
    }

    /// POST; any 2xx means that it is kept.
    package func keep(_ checkpoint: SignedCheckpoint) async throws {
        let note = Array(checkpoint.note.description.utf8)
        let answer = try await HTTPExchange(url: name).post(note, type: Self.type)
        guard (200..<300).contains(answer.status) else {
            throw Refused(description: "\(name) answered \(answer.status)")
        }
    }

    /// GET; 404, 405 and 501 mean that it does not give checkpoints back.
    package func newest() async throws -> SignedCheckpoint? {
        let answer = try await HTTPExchange(url: name).get()
        switch answer.status {
        case 200:
            guard let note = SignedNote(parsing: String(decoding: answer.body, as: UTF8.self)),
                let signed = SignedCheckpoint(note)
            else {
                throw Refused(description: "\(name) answered a GET with something that is no checkpoint")
            }
            return signed
        case 404, 405, 501: return nil
        default: throw Refused(description: "\(name) answered \(answer.status)")
        }
    }
}
