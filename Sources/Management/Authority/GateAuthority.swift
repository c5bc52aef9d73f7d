// What only the ledger's one writer may do. The running gate does it, asked over its control socket; where none runs, this
// process does, and holds the ledger's lock meanwhile.
package import Admission
import Foundation
package import Intake
package import JSON
import Ledger
package import Settings
package import Staging

/// A method throws `ManagementError`, `IntakeError` when the gate refuses, or `LedgerError`.
package protocol GateAuthority: Sendable {
    /// Writes an entry of an access (`AccessRecord`), and returns its seq once it is durable.
    func recordAccess(_ detail: [String: JSONValue], by principal: Principal) async throws -> Int64

    /// The consumer is done with a drop. False: there is no such released drop.
    func acknowledge(_ drop: String) async throws -> Bool

    /// Releases an event that is held in quarantine; the source lists decide again.
    func releaseHeld(_ drop: String) async throws -> ReleasedEvent

    /// How a drop of another gate stands in this gate's ledger.
    func standing(ofDrop drop: String) async throws -> DropStanding

    /// Throws away what was fetched of a drop; that of one that is committed stays.
    func discardFetched(_ drop: String) async throws

    /// Takes over the drop whose file lies in `incoming/pull/<drop id>.part` of staging.
    func importDrop(_ drop: FetchedDrop) async throws -> DropOutcome.Status

    /// Signs the ledger's head now. The signed note; nil for an empty ledger.
    func checkpoint() async throws -> String?

    /// Goes over to a new signing key. The new public key.
    func rotateKey() async throws -> String

    /// Returns when everything that was taken over lies in `ready/`.
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

package enum Authority {
    /// The running gate, or this process where none answers.
    /// Throws `LedgerError`: `.locked` when a gate runs that does not answer, `.rolledBack` or `.forked` when the ledger is
    /// not what was seen signed.
    /// - Parameter warn: told of witnesses that cannot be asked.
    package static func over(
        _ settings: GateSettings, warn: @escaping @Sendable (String) -> Void
    ) async throws -> any GateAuthority {
        let control = ControlClient(path: settings.controlSocket)
        if await control.answers() { return control }
        return try await LocalAuthority.open(settings, warn: warn)
    }

    /// Records that something leaves the gate, before it does. Throws a `ManagementError` when it cannot be recorded: then
    /// nothing may leave. Who cannot pass all of it on says so to what is returned.
    /// - Parameters:
    ///   - what: the command, as the entry says it.
    ///   - principal: who takes it.
    @discardableResult
    package static func recordExport(
        _ what: String, detail: [String: JSONValue], by principal: Principal,
        settings: GateSettings, warn: @escaping @Sendable (String) -> Void
    ) async throws -> RecordedExport {
        do {
            let seq = try await record(what, detail: detail, by: principal, settings: settings, warn: warn)
            return RecordedExport(
                seq: seq, command: what, principal: principal, settings: settings, warn: warn)
        } catch {
            let known = ManagementError.of(error)
            throw ManagementError(
                .internalError,
                "nothing was exported, because the export cannot be recorded in the ledger: "
                    + (known?.message ?? "\(error)"),
                fix: known?.fix ?? "run this as the gate's own user, with room on its disk", cause: error)
        }
    }

    /// Writes an entry of an access.
    @discardableResult
    static func record(
        _ what: String, detail: [String: JSONValue], by principal: Principal,
        settings: GateSettings, warn: @escaping @Sendable (String) -> Void
    ) async throws -> Int64 {
        var detail = AccessRecord.bounded(detail)
        detail["command"] = .string(what)
        let control = ControlClient(path: settings.controlSocket)
        if await control.answers() { return try await control.recordAccess(detail, by: principal) }
        guard settings.ledgerHandle.exists else {
            throw LedgerError(.unwritable, "there is no ledger at \(settings.ledgerHandle)")
        }
        return try await LocalAuthority.open(settings, warn: warn).recordAccess(detail, by: principal)
    }
}
