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
    /// Of a command by root.
    private let ownership: StateOwnership?
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
        ownership = nil
    }

    private init(_ settings: GateSettings, _ store: any LedgerStore, _ ownership: StateOwnership?) {
        self.settings = settings
        keys = LedgerKeys(settings)
        inside = .ledger(store, LedgerWriter(store: store, clock: { Instant.now() }))
        signing = nil
        self.ownership = ownership
    }

    /// Opens the ledger for writing. Root is the state's owner from here on, until `close`. Throws `LedgerError`: `.locked` when a
    /// gate runs after all, `.rolledBack` or `.forked` when it is not what was seen signed.
    package static func open(
        _ settings: GateSettings, warn: @Sendable (String) -> Void
    ) async throws -> LocalAuthority {
        let ownership = try StateOwnership.take(of: settings)
        do {
            let seen = try await LedgerWitnesses(settings).seen(warn)
            // Before anything of it is opened, and as a start asks: it says whose it is to be.
            try settings.ledgerHandle.requireWritable()
            let store = try settings.ledgerHandle.open(node: settings.node, extending: seen.checkpoints)
            for lack in try seen.lacks(settings.ledgerHandle.reader().witnessed()) { warn(lack) }
            if let settled = try LedgerKeys(settings).settleRotation() { warn(settled) }
            return LocalAuthority(settings, store, ownership)
        } catch {
            ownership?.end()
            throw error
        }
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
        let key = try keys.signerInForce()
        let archive = settings.ledgerHandle.checkpoints
        return switch inside {
        case .intake(let intake): intake.checkpointSigner(key: key, archive: archive)
        case .ledger(_, let writer): CheckpointSigner(writer, key: key, archive: archive)
        }
    }

    package func recordAccess(
        _ detail: [String: JSONValue], by attribution: Attribution
    ) async throws -> Int64 {
        try await record(AccessRecord.attempt(.object(detail), by: attribution))
    }

    /// As `recordAccess`, for whoever may read the ledger and nothing else: a small entry, and none where the disk has nothing
    /// left for it. Throws a `ManagementError` or an `IntakeError`.
    package func recordGuestAccess(
        _ detail: [String: JSONValue], by attribution: Attribution
    ) async throws -> Int64 {
        let attempt = try AccessRecord.guestAttempt(.object(detail), by: attribution)
        if case .intake(let intake) = inside, let full = intake.checkSpace() { throw full }
        return try await record(attempt)
    }

    package func recordChange(_ change: ManagedChange, by attribution: Attribution) async throws -> Int64 {
        try await record(change.attempt(by: attribution))
    }

    /// The seq of the entry, once it is durable.
    private func record(_ attempt: Attempt) async throws -> Int64 {
        switch inside {
        case .intake(let intake): try await intake.record(attempt)
        case .ledger(_, let writer): try await writer.append(attempt).seq
        }
    }

    /// This machine is about to connect to a listener of the running gate from there.
    package func expectConnection(from endpoint: Endpoint) {
        if case .intake(let intake) = inside { intake.ownConnections.expect(from: endpoint) }
    }

    package func acknowledge(_ drop: String, by attribution: Attribution) async throws -> Bool {
        func attempt(_ record: DropRecord?) -> Attempt {
            AccessRecord.acknowledgement(of: drop, file: record?.readyPath, by: attribution)
        }
        switch inside {
        case .intake(let intake):
            return try await intake.acknowledge(drop, as: attempt(intake.drop(id: drop)))
        case .ledger(let store, let writer):
            let record: DropRecord?
            do { record = try store.drop(id: drop) } catch { throw IntakeError.unreadable(error) }
            do {
                return try await writer.acknowledge(drop, as: attempt(record), at: .now())
            } catch {
                throw IntakeError.unwritable(error)
            }
        }
    }

    package func releaseHeld(_ drop: String, by attribution: Attribution) async throws -> ReleasedEvent {
        let record = try intake().drop(id: drop)
        let status: DropOutcome.Status
        let name: String
        if let record, record.isHeld {
            status = try await release(pulled: drop, by: attribution)
            name = record.readyPath
        } else {
            let outcome = try await intake().releaseHeld(drop, by: attribution.facts)
            status = outcome.status
            name = outcome.name
        }
        return ReleasedEvent(status: status, name: status == .stored ? name : nil)
    }

    /// `.pending`: its release failed, and is tried again by itself. Throws `IntakeError` where it is not released, and will not be.
    private func release(
        pulled drop: String, by attribution: Attribution
    ) async throws -> DropOutcome.Status {
        let decision = AccessRecord.reading("drops release", ["drop": .string(drop)], by: attribution)
        let standing = try await intake().release(pulled: drop, as: decision)
        // Somebody else may have decided just before.
        guard try intake().drop(id: drop)?.state != .withdrawn else {
            throw IntakeError(
                .forbiddenOperation,
                "drop \(drop) was withdrawn in the meantime and is not released; if the other gate still has it, the next pull fetches it "
                    + "again")
        }
        switch standing {
        case .kept: return .stored
        case .pending: return .pending
        case .lost:
            throw IntakeError(
                .incomplete,
                "drop \(drop) is not released: its bytes are gone from staging, and it is lost here. Find out who removes files below "
                    + "incoming/ of staging, and see whether the other gate still has it (`dropgate drops show \(drop)` there): if "
                    + "so, take its file from there; if not, its sender must send it again")
        case .held, .withdrawn, .unknown:
            throw IntakeError(
                .forbiddenOperation,
                "drop \(drop) is not released (\(standing.rawValue)): check it with `dropgate drops show \(drop)`"
            )
        }
    }

    package func withdraw(_ drop: String, by attribution: Attribution) async throws -> WithdrawnDrop? {
        try await intake().withdraw(drop, as: AccessRecord.reading("drops withdraw", by: attribution))
    }

    package func standing(ofDrop drop: String) async throws -> DropStanding {
        try intake().standing(ofDrop: drop)
    }

    package func discardFetched(_ drop: String) async throws { try intake().discardFetched(drop) }

    package func importDrop(
        _ drop: FetchedDrop, by attribution: Attribution
    ) async throws -> DropOutcome.Status {
        try await intake().importDrop(drop.checked(), by: attribution.facts).status
    }

    /// Of one answer: the ids of so many fit into a line (`Control.longestLine`).
    private static let mostHeld = 1000

    package func heldPulls(hostKey: String, origin: String) async throws -> [String] {
        try intake().heldPulls(hostKey: hostKey, origin: origin, limit: Self.mostHeld)
    }

    package func releasePulled(_ drop: String) async throws -> DropStanding {
        try await intake().release(pulled: drop)
    }

    package func withdrawPulled(
        _ drop: String, there: String, by attribution: Attribution
    ) async throws -> Bool {
        let attempt = AccessRecord.reading("pull", ["there": .string(there)], by: attribution)
        return try await intake().withdraw(pulled: drop, as: attempt)
    }

    package func checkpoint(by attribution: Attribution) async throws -> String? {
        let size =
            switch inside {
            case .intake(let intake): try intake.ledgerSize()
            case .ledger(let store, _): try store.size()
            }
        guard size > 0 else { return nil }
        let signer = try signer()
        _ = try await record(AccessRecord.reading("ledger checkpoint", by: attribution))
        return try await signer.sign()?.note.description
    }

    /// The new private key is kept before its entry is written, and takes its place once that is durable.
    package func rotateKey(by attribution: Attribution) async throws -> String {
        // The key to come has one file.
        guard !isRotating else { throw ManagementError(.refused, "the key is being rotated already") }
        isRotating = true
        defer { isRotating = false }
        // One that an error has cut off meanwhile.
        _ = try keys.settleRotation()
        let signer = try signer()
        let new = try keys.prepareNext()
        _ = try await signer.rotate(to: new, detail: attribution.facts) { [keys] in try keys.installNext() }
        return new.verifier.description
    }

    package func close() async {
        switch inside {
        case .ledger(let store, _):
            // Not left to the end of the process, before which its log might not be in its file.
            store.close()
            ownership?.end()
        // A running gate closes its intake itself.
        case .intake(let intake) where signing == nil:
            // What it has begun to release may still be making files, so root stays the owner of the state until this process ends.
            await intake.close()
            intake.closeLedger()
        case .intake: break
        }
    }
}
