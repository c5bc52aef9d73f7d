// A witness behind HTTP: each checkpoint is posted to its URL as a signed note, and the newest one is asked back.
import AsyncHTTPClient
import Foundation
package import Ledger
import NIOCore
import NIOHTTP1

package struct HTTPWitness: CheckpointKeeper {
    package let name: String

    private static let timeout = TimeAmount.seconds(10)
    private static let type = "text/plain; charset=utf-8"

    package init(url: String) { name = url }

    package struct Refused: Error, CustomStringConvertible {
        package let description: String
    }

    /// POST; any 2xx means that it is kept.
    package func keep(_ checkpoint: SignedCheckpoint) async throws {
        var request = HTTPClientRequest(url: name)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: Self.type)
        request.body = .bytes(ByteBuffer(string: checkpoint.note.description))
        let response = try await HTTPClient.shared.execute(request, timeout: Self.timeout)
        guard (200..<300).contains(response.status.code) else {
            throw Refused(description: "\(name) answered \(response.status)")
        }
    }

    /// GET; 404, 405 and 501 mean that it does not give checkpoints back.
    package func newest() async throws -> SignedCheckpoint? {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: name), timeout: Self.timeout)
        switch response.status.code {
        case 200:
            let body = try await response.body.collect(upTo: 1 << 20)
            guard let note = SignedNote(parsing: String(buffer: body)), let signed = SignedCheckpoint(note)
            else {
                throw Refused(description: "\(name) answered a GET with something that is no checkpoint")
            }
            return signed
        case 404, 405, 501: return nil
        default: throw Refused(description: "\(name) answered \(response.status)")
        }
    }
}
