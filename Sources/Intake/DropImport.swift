// Takes over drops of another gate: `dropgate pull` has fetched a file into `incoming/pull/`, and here it becomes
// a drop of this gate, under the id it has there, and is held. Whoever fetched it is not believed: everything is checked again.
import Admission
import Blocking
package import JSON
import Ledger
import Staging
import Synchronization
import TLS

/// How a drop of another gate stands in this one's ledger.
package enum DropStanding: String, Codable, Sendable {
    case unknown
    /// Committed, and held until the other gate has let go of it. What was fetched is there.
    case held
    /// Committed, and not yet in `ready/`, where it may be: what was fetched is the only copy.
    case pending
    /// Committed, and its bytes were gone before they came to `ready/`: the other gate's copy, if it has one, is the last.
    case lost
    /// Withdrawn while it was held, since the other gate had it no more, or by a person. When that gate has it still, or again, it is
    /// taken over again.
    case withdrawn
    /// Released, whatever became of it then.
    case kept
}

extension Intake {
    /// How a drop of another gate stands here. Throws away what was fetched again of one that is kept.
    package func standing(ofDrop id: String) throws(IntakeError) -> DropStanding {
        try Self.check(id)
        guard takeInHand(id) else { return .pending }
        defer { letGo(id) }
        return try knownStanding(ofDrop: id)
    }

    /// The drop is in hand.
    func knownStanding(ofDrop id: String) throws(IntakeError) -> DropStanding {
        guard let known = try drop(id: id) else { return .unknown }
        return standing(of: known)
    }

    /// Throws away what was fetched of a drop, unless it is the only copy of one that is committed.
    package func discardFetched(_ id: String) throws(IntakeError) {
        try Self.check(id)
        guard takeInHand(id) else { return }
        defer { letGo(id) }
        if let known = try self.drop(id: id) {
            // Of one that was withdrawn the bytes may not be in quarantine yet.
            let isNeeded =
                switch known.state {
                case .pending, .lost: true
                case .withdrawn: known.incoming == StagingLayout.pulledFile(id)
                case .released, .taken, .acknowledged, .forgotten: false
                }
            if isNeeded { return }
        }
        do {
            try staging.pulls.remove(StagingLayout.pulledName(id))
        } catch {
            throw IntakeError(.malformed, "what was fetched of drop \(id) cannot be removed: \(error)")
        }
    }

    private static func check(_ id: String) throws(IntakeError) {
        guard DropID.isValid(id) else {
            throw IntakeError(.malformed, "\(UntrustedText.head(id)) is not a drop id")
        }
    }

    /// The file of a pending drop is data that somebody relies on; that of any other one is a leftover. One whose file has gone
    /// to `ready/` waits only for the mark in the ledger.
    func standing(of known: DropRecord) -> DropStanding {
        let part = StagingLayout.pulledName(known.id)
        switch known.state {
        case .lost:
            // Were it "kept", the other gate would hear that it may remove the last copy.
            return .lost
        case .withdrawn:
            let isPutAway = known.incoming != StagingLayout.pulledFile(known.id)
            if known.due == DropRecord.never { return isPutAway ? .withdrawn : .pending }
            if isPutAway { _ = try? staging.pulls.remove(part) }
            return .kept
        case .pending: break
        case .released, .taken, .acknowledged, .forgotten:
            _ = try? staging.pulls.remove(part)
            return .kept
        }
        if known.isHeld { return .held }
        do {
            let isMoved =
                try known.incoming == StagingLayout.pulledFile(known.id) && staging.pulls.status(part) == nil
                && staging.ready.receipt(known.id, at: known.readyPath) != nil
            return isMoved ? .kept : .pending
        } catch {
            return .pending
        }
    }

    func takeInHand(_ id: String) -> Bool { fetchedInHand.withLock { $0.insert(id).inserted } }

    func letGo(_ id: String) { fetchedInHand.withLock { _ = $0.remove(id) } }

    /// Makes a fetched drop one of this gate: entry committed, and held until it is said that the other gate has let go of it
    /// (`release(pulled:)`). `.held` then, and for one that was held before, which gets the name that it has there now. One that is
    /// kept already is `.duplicate` if it was pulled from that gate, else `.own`, and nothing changes. `.pending` for one that is to be
    /// released already, or when another import is at it. When it throws, the fetched file stays where it is. What is known here is
    /// compared with what the other gate has under the id before that file is looked at: `.malformed` where it is another one,
    /// `.incomplete` where the file is not whole, or not there. `.badPath` where this drop has no place, but another one may have one;
    /// with a time to try again where its place may become free.
    /// - Parameter facts: who takes it over and why, for the entry.
    package func importDrop(
        _ drop: PulledDrop, by facts: [String: JSONValue] = [:]
    ) async throws(IntakeError) -> DropOutcome {
        if let error = checkSpace() { throw error }
        let id = drop.receipt.drop
        guard takeInHand(id) else {
            return DropOutcome(id: id, status: .pending, name: drop.readyPath, seq: -1)
        }
        defer { letGo(id) }
        if let known = try self.drop(id: id) {
            return try await takeKnown(drop, known, facts)
        } else {
            return try await takeOver(drop, facts)
        }
    }

    private func takeKnown(
        _ drop: PulledDrop, _ known: DropRecord, _ facts: [String: JSONValue]
    ) async throws(IntakeError) -> DropOutcome {
        var isRenamed = true
        var status = DropOutcome.Status.held
        switch standing(of: known) {
        case .held:
            let receipt = try accepted(known, as: drop)
            // The other gate's copy goes when it is said that this one is here.
            try await verify(drop)
            // It may have been damaged when it was to be released.
            health.clear(problem: "release", of: known.id)
            isRenamed = !receipt.name.utf8.elementsEqual(drop.receipt.name.utf8)
        case .withdrawn:
            _ = try accepted(known, as: drop)
            try await verify(drop)
        case .kept:
            // The other gate's copy goes when it is said that this one is a duplicate, too.
            let entry = try entry(of: known)
            if let entry { try compare(drop, with: Receipt(entry, drop: known), known) }
            (isRenamed, status) = (false, Self.isPulled(known, entry, as: drop) ? .duplicate : .own)
        case .unknown, .pending, .lost: (isRenamed, status) = (false, .pending)
        }
        if isRenamed {
            return try await takeAnew(drop, known, facts)
        } else {
            return DropOutcome(id: known.id, status: status, name: known.readyPath, seq: known.seq)
        }
    }

    private func takeOver(
        _ drop: PulledDrop, _ facts: [String: JSONValue]
    ) async throws(IntakeError) -> DropOutcome {
        // Before its file is looked at: where it has no place, nothing need be fetched for it.
        let readyPath = try reserve(drop)
        var attempt = drop.attempt(readyPath: readyPath)
        attempt.detail.merge(facts) { known, _ in known }
        let entry: AppendedEntry
        do {
            entry = try await appendVerified(drop, attempt, readyPath)
        } catch {
            staging.ready.cancelReservation(readyPath)
            throw error
        }
        guard let record = entry.drop else {
            // It came in another way since it was looked up. How it stands shows when it is asked for again.
            staging.ready.cancelReservation(readyPath)
            return DropOutcome(
                id: drop.receipt.drop, status: .pending, name: drop.readyPath, seq: entry.seq)
        }
        return DropOutcome(id: record.id, status: .held, name: record.readyPath, seq: entry.seq)
    }

    /// Its sender has renamed it at the other gate: held under the name that it has there now.
    /// - Parameter known: held, or withdrawn, since it was not there for a while.
    private func takeAnew(
        _ drop: PulledDrop, _ known: DropRecord, _ facts: [String: JSONValue]
    ) async throws(IntakeError) -> DropOutcome {
        let readyPath = try reserve(drop)
        var attempt = drop.attempt(readyPath: readyPath)
        attempt.detail.merge(facts) { known, _ in known }
        attempt.detail["accepted_by"] = .int(known.seq)
        let change = DropChange(
            id: known.id, from: known.state,
            kind: .renamed(
                name: drop.receipt.name, readyPath: readyPath, incoming: StagingLayout.pulledFile(known.id),
                due: DropRecord.never))
        let isChanged: Bool
        do {
            isChanged = try await make(change, attempt)
        } catch {
            staging.ready.cancelReservation(readyPath)
            throw IntakeError.unwritable(error)
        }
        if !isChanged {
            staging.ready.cancelReservation(readyPath)
        } else if known.state == .pending {
            // That of a withdrawn one was cancelled with it, and may be another drop's.
            staging.ready.cancelReservation(known.readyPath)
        }
        return DropOutcome(
            id: known.id, status: isChanged ? .held : .pending, name: isChanged ? readyPath : known.readyPath,
            seq: known.seq)
    }

    private func appendVerified(
        _ drop: PulledDrop, _ attempt: Attempt, _ readyPath: String
    ) async throws(IntakeError) -> AppendedEntry {
        try await verify(drop)
        return try await append(attempt, drop.registration(readyPath: readyPath))
    }

    private func reserve(_ drop: PulledDrop) throws(IntakeError) -> String {
        do throws(StagingError) {
            return try staging.ready.reserve(drop.readyPath)
        } catch {
            // Where `ready/` itself can be looked into, what is wrong with the directories of an account concerns no other account.
            throw IntakeError(
                isOfItsName(error, below: "") ? .badPath : .stagingFull,
                "no place for \(drop.readyPath): \(error)", retryAfter: error.isAboutName ? nil : 30)
        }
    }

    /// The receipt of a drop that was taken over before. Throws `.malformed` when what the other gate has under its id is another one.
    private func accepted(_ known: DropRecord, as drop: PulledDrop) throws(IntakeError) -> Receipt {
        guard let entry = try entry(of: known) else {
            throw IntakeError(
                .malformed,
                "drop \(known.id) was fetched before, but the ledger no longer has its entry: whether the other gate's is the same "
                    + "cannot be told")
        }
        let receipt = Receipt(entry, drop: known)
        try compare(drop, with: receipt, known)
        return receipt
    }

    /// nil: its time is over.
    private func entry(of known: DropRecord) throws(IntakeError) -> AcceptedEntry? {
        do {
            return try configuration.ledger.reader().entry(seq: known.seq).map { try AcceptedEntry($0.json) }
        } catch {
            throw IntakeError.unreadable(error)
        }
    }

    /// Whether what is kept came from the gate that offers it now. If not, that gate has a copy of its own, for consumers of its own: it is
    /// this gate itself, or one that has pulled the drop from here or from the same third gate.
    /// - Parameter entry: of its acceptance; nil: its time is over, and all that is left is that the drop was pulled.
    private static func isPulled(_ known: DropRecord, _ entry: AcceptedEntry?, as drop: PulledDrop) -> Bool {
        guard let entry else { return known.incoming == StagingLayout.pulledFile(known.id) }
        // Its key may have changed since, or its address.
        return entry.detail["pulled_host_key"]?.string == drop.hostKey
            || entry.detail["pulled_from"]?.string == drop.origin
    }

    private func compare(
        _ drop: PulledDrop, with receipt: Receipt, _ known: DropRecord
    ) throws(IntakeError) {
        guard receipt.sha256 != drop.sha256 || receipt.bytes != drop.receipt.bytes else { return }
        let there = "\(Counted.bytes(drop.receipt.bytes)) with the SHA-256 \(drop.sha256)"
        let here = "\(Counted.bytes(receipt.bytes)) with the SHA-256 \(receipt.sha256 ?? "?")"
        let decision =
            known.isHeld
            ? "; `dropgate drops release \(known.id)` here releases what is held, and `dropgate drops withdraw \(known.id)` puts it into "
                + "quarantine" : ""
        throw IntakeError(
            .malformed,
            "drop \(known.id) was fetched before, but the other gate now has a different one under its id: \(there) there, \(here) "
                + "here. That one is neither fetched nor acknowledged, and what is here stays as it is. Find out on the other gate "
                + "how it came there" + decision)
    }

    /// The file is what the receipt says, and durable. Reads it whole, on no thread that a receiver needs.
    private func verify(_ drop: PulledDrop) async throws(IntakeError) {
        try await imports.runToEnd { () throws(IntakeError) in try self.check(drop) }
    }

    private func check(_ drop: PulledDrop) throws(IntakeError) {
        let receipt = drop.receipt
        let damage: String?
        do throws(StagingError) {
            damage = try fetchedDamage(receipt.drop, bytes: receipt.bytes, sha256: drop.sha256)
        } catch {
            throw IntakeError(
                error.code == .notFound ? .incomplete : .malformed,
                "what was fetched of drop \(receipt.drop) cannot be stored: \(error)")
        }
        if let damage {
            throw IntakeError(.incomplete, "what was fetched of drop \(receipt.drop) \(damage)")
        }
    }

    /// In which way what was fetched of a drop is another thing than its receipt says; nil: in none, and it is durable.
    private func fetchedDamage(
        _ id: String, bytes: Int64, sha256: String
    ) throws(StagingError) -> String? {
        let file = try staging.pulls.openFile(StagingLayout.pulledName(id))
        let found = try file.status().bytes
        guard found == bytes else { return "has \(Counted.bytes(found)), its receipt says \(bytes)" }
        var hash = SHA256()
        try file.forEachPiece { hash.update(bufferPointer: $0) }
        try file.sync()
        try staging.pulls.sync()
        return hash.finalize().hex == sha256 ? nil : "does not have the SHA-256 that its receipt says"
    }

    /// Why a held drop must not be released; nil: it may be. Where its file is gone, its release finds out what that means. Reads it
    /// whole.
    func damage(ofHeld receipt: Receipt) -> IntakeError? {
        let id = receipt.drop
        let what: String
        do throws(StagingError) {
            let sha256 = receipt.sha256 ?? ""
            guard let damage = try fetchedDamage(id, bytes: receipt.bytes, sha256: sha256) else { return nil }
            what = "is no longer complete: it \(damage)"
        } catch {
            guard error.code != .notFound else { return nil }
            what = "cannot be read: \(error)"
        }
        return IntakeError(
            .malformed,
            "what was fetched of drop \(id) \(what). It stays held: the next pull fetches it again if the other gate still has it; "
                + "if not, `dropgate drops withdraw \(id)` puts it into quarantine")
    }
}
