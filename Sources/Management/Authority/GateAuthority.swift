// What only the ledger's one writer may do. The running gate does it, asked over its control socket; where none runs, this
// process does, and holds the ledger's lock meanwhile.
package import Admission
import Foundation
package import Intake
package import JSON
import Ledger
import Settings
package import Staging

/// A method throws `ManagementError`, `IntakeError` when the gate refuses, or `LedgerError`.
package protocol GateAuthority: Sendable {
    /// Writes an entry of an access (`AccessRecord`), and returns its seq once it is durable.
    func recordAccess(_ detail: [String: JSONValue], by attribution: Attribution) async throws -> Int64

    /// Writes an entry of a change that was made in a file, and returns its seq once it is durable.
    func recordChange(_ change: ManagedChange, by attribution: Attribution) async throws -> Int64

    /// The consumer is done with a drop: an entry. False: there is no such released drop.
    func acknowledge(_ drop: String, by attribution: Attribution) async throws -> Bool

    /// Releases an event that is held in quarantine; the source lists decide again.
    func releaseHeld(_ drop: String, by attribution: Attribution) async throws -> ReleasedEvent

    /// Takes back a drop that no consumer has; nil: there is none of this id that could be.
    func withdraw(_ drop: String, by attribution: Attribution) async throws -> WithdrawnDrop?

    /// How a drop of another gate stands in this gate's ledger.
    func standing(ofDrop drop: String) async throws -> DropStanding

    /// Throws away what was fetched of a drop; that of one that is committed stays.
    func discardFetched(_ drop: String) async throws

    /// Takes over the drop whose file lies in `incoming/pull/<drop id>.part` of staging, and holds it.
    func importDrop(_ drop: FetchedDrop, by attribution: Attribution) async throws -> DropOutcome.Status

    /// Ids of drops that are held until a gate has let go of them, oldest first, as many as one answer takes.
    /// - Parameters:
    ///   - hostKey: by which the other gate is known.
    ///   - origin: where they were fetched.
    func heldPulls(hostKey: String, origin: String) async throws -> [String]

    /// The other gate has let go of a held drop: releases it. How it stands then.
    func releasePulled(_ drop: String) async throws -> DropStanding

    /// The other gate has a held drop no more, and did not let go of it for this one: it goes to quarantine. False: it is not held.
    /// - Parameter there: what has become of it there, a word.
    func withdrawPulled(_ drop: String, there: String, by attribution: Attribution) async throws -> Bool

    /// Signs the ledger's head now, with an entry that says who asked for it. The signed note; nil for an empty ledger.
    func checkpoint(by attribution: Attribution) async throws -> String?

    /// Goes over to a new signing key. The new public key.
    func rotateKey(by attribution: Attribution) async throws -> String

    /// The end of it. Returns when everything that was taken over lies in `ready/`.
    func close() async
}

/// What a release from quarantine came to.
package struct ReleasedEvent: Codable, Sendable, Hashable {
    package var status: DropOutcome.Status
    /// Relative to `ready/`. A repeat of what is there already has no file of its own.
    package var name: String?

    package init(status: DropOutcome.Status, name: String?) {
        self.status = status
        self.name = name
    }
}

/// A drop that was fetched from another gate.
package struct FetchedDrop: Codable, Sendable, Hashable {
    /// As the other gate wrote it.
    package var receipt: JSONValue
    /// Where it was fetched.
    package var origin: String
    /// By which key the other gate was known.
    package var hostKey: String
    /// The other gate's address.
    package var peer: String?

    package init(_ receipt: Receipt, origin: String, hostKey: String, peer: IPAddress?) throws {
        self.receipt = try JSONValue(parsing: receipt.encoded())
        self.origin = origin
        self.hostKey = hostKey
        self.peer = peer?.description
    }

    /// Throws `IntakeError` for a receipt that no gate would write, or a decoding error.
    package func checked() throws -> PulledDrop {
        try PulledDrop(
            Receipt(parsing: CanonicalJSON.encode(receipt)), origin: origin, hostKey: hostKey,
            peer: try peer.map { try IPAddress($0) })
    }
}

extension GateAuthority {
    /// Closes it when `body` has ended, however it ends.
    package func closing<Answer: Sendable>(
        _ body: (any GateAuthority) async throws -> Answer
    ) async throws -> Answer {
        do {
            let answer = try await body(self)
            await close()
            return answer
        } catch {
            await close()
            throw error
        }
    }
}
