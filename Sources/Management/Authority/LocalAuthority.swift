// The authority of the process that holds the ledger's lock: the running gate over its own inside, or a command alone.
package import Admission
package import Intake
package import JSON
package import Ledger
import Logging
package import Settings

package actor LocalAuthority: GateAuthority {
    private let settings: GateSettings
    private let keys: LedgerKeys
    private var inside: Inside
    /// Of a running gate.
    private let signing: (any CheckpointSigning)?
    private var isRotating = false

    private enum Inside {
        case intake(Intake)
        /// An intake is made of it when one is needed: opening that completes in staging what a crash left.
        case ledger(any LedgerStore, LedgerWriter)
    }

    /// Of a running gate.
    package init(_ settings: GateSettings, intake: Intake, signing: any CheckpointSigning) {
        self.settings = settings
        keys = LedgerKeys(settings)
        inside = .intake(intake)
        self.signing = signing
    }

    private init(_ settings: GateSettings, _ store: any LedgerStore) {
        self.settings = settings
        keys = LedgerKeys(settings)
        inside = .ledger(store, LedgerWriter(store: store, clock: { Instant.now() }))
        signing = nil
    }

    /// Opens the ledger for writing. Throws `LedgerError`: `.locked` when a gate runs after all, `.rolledBack` or `.forked`
    /// when it is not what was seen signed.
    package static func open(
        _ settings: GateSettings, warn: @Sendable (String) -> Void
    ) async throws -> LocalAuthority {
        let seen = try await LedgerWitnesses(settings).seen(warn)
        let store = try settings.ledgerHandle.open(node: settings.node, extending: seen)
        return LocalAuthority(settings, store)
    }

    /// Throws `LedgerError` or `StagingError`.
    private func intake() throws -> Intake {
        switch inside {
        case .intake(let intake): return intake
        case .ledger(let store, _):
            let intake = try Intake(
                settings.intake, store: store, policy: try PolicyLoader.load(files: settings.sources),
                logger: Logger(label: "dropgate") { StreamLogHandler.standardError(label: $0) },
                clock: { Instant.now() })
            inside = .intake(intake)
            return intake
        }
    }

    private func signer() throws -> any CheckpointSigning {
        if let signing { return signing }
        let key = try keys.signer()
        let archive = settings.ledgerHandle.checkpoints
        return switch inside {
        case .intake(let intake): intake.checkpointSigner(key: key, archive: archive)
        case .ledger(_, let writer): CheckpointSigner(writer, key: key, archive: archive)
        }
    }

    package func recordAccess(_ detail: [String: JSONValue], by principal: Principal) async throws -> Int64 {
        let attempt = try AccessRecord.attempt(.object(detail), by: principal)
        switch inside {
        case .intake(let intake): return try await intake.record(attempt)
        case .ledger(_, let writer): return try await writer.append(attempt).seq
        }
    }

    /// This machine is about to connect to a listener of the running gate from there.
    package func expectConnection(from endpoint: Endpoint) {
        if case .intake(let intake) = inside { intake.ownConnections.expect(from: endpoint) }
    }

    package func acknowledge(_ drop: String) async throws -> Bool {
        switch inside {
        case .intake(let intake): return try await intake.acknowledge(drop)
        case .ledger(_, let writer):
            guard case .changed(true) = try await writer.commit(.acknowledge(id: drop, at: .now())) else {
                return false
            }
            return true
        }
    }

    package func releaseHeld(_ drop: String) async throws -> ReleasedEvent {
        let outcome = try await intake().releaseHeld(drop)
        return ReleasedEvent(
            status: outcome.status, name: outcome.status == .stored ? outcome.name : nil)
    }

    package func standing(ofDrop drop: String) async throws -> DropStanding {
        try intake().standing(ofDrop: drop)
    }

    package func discardFetched(_ drop: String) async throws { try intake().discardFetched(drop) }

    package func importDrop(_ drop: FetchedDrop) async throws -> DropOutcome.Status {
        try await intake().importDrop(drop.checked()).status
    }

    package func checkpoint() async throws -> String? { try await signer().sign()?.note.description }

    /// The new private key takes its place once its entry is durable.
    package func rotateKey() async throws -> String {
        // The key to come has one file.
        guard !isRotating else { throw ManagementError(.refused, "the key is being rotated already") }
        isRotating = true
        defer { isRotating = false }
        let signer = try signer()
        let new = try keys.prepareNext()
        _ = try await signer.rotate(to: new)
        try keys.installNext()
        return new.verifier.description
    }

    package func close() async {
        // A running gate closes its intake itself.
        if signing == nil, case .intake(let intake) = inside { await intake.close() }
    }
}
