// A witness that is a syslog receiver: each checkpoint is a message there. It cannot be asked for them again; an
// auditor finds them in the receiver's log, and gives them to `dropgate ledger verify --checkpoint`.
import Admission
import Foundation
import JSON
package import Ledger
import NIOCore
package import Settings

package struct SyslogWitness: Witness {
    private let target: SyslogTarget

    package init(_ settings: SyslogSettings) { target = SyslogTarget(settings) }

    package var name: String { "syslog \(target.address)" }

    /// Returns when the receiver's kernel has acknowledged the message.
    package func keep(_ checkpoint: SignedCheckpoint) async throws {
        let message = Self.message(checkpoint)
        let connection = try await SyslogConnection.open(target)
        var isTaken = false
        do {
            try await connection.send(ByteBuffer(bytes: Array("\(message.count) ".utf8) + message), last: 0)
            let end = ContinuousClock.now + .seconds(10)
            while !isTaken, connection.end == nil, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
                isTaken = connection.acknowledged != nil
            }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
        guard isTaken else {
            throw OutgoingError(
                .unconfirmed,
                "it did not acknowledge a checkpoint; see whether it still reads, and look into its log")
        }
    }

    /// nil: syslog gives nothing back.
    package func newest() async throws -> SignedCheckpoint? { nil }

    /// RFC 5424, facility 13 (log audit), severity 5 (notice); MSG is JSON in ASCII with the whole note.
    static func message(_ signed: SignedCheckpoint) -> [UInt8] {
        let checkpoint = signed.checkpoint
        let json = CanonicalJSON.encode([
            "checkpoint": .string(signed.note.description), "origin": .string(checkpoint.origin),
            "root": .string(checkpoint.root.base64), "size": .int(checkpoint.size),
        ])
        let host = checkpoint.origin.split(separator: "/").first.map(String.init) ?? "-"
        return Array("<109>1 \(checkpoint.time) \(host) dropgate - checkpoint - ".utf8)
            + UntrustedText.asciiJSON(json)
    }
}
