// Takes over drops of another gate: `dropgate pull` has fetched a file into `incoming/pull/`, and here it becomes
// a drop of this gate, under the id it has there. Whoever fetched it is not believed: everything is checked again.
package import Admission
import Blocking
package import JSON
import Ledger
package import Staging
import Synchronization
import TLS

/// A drop of another gate whose file waits in `incoming/pull/<drop id>.part`.
package struct PulledDrop: Sendable {
    /// As the other gate wrote it.
    let receipt: Receipt
    let channel: Channel
    let source: IPAddress?
    let sha256: String
    /// Relative to `ready/`, as it is there.
    let readyPath: String
    /// Where it was fetched, and by which key the other gate was known.
    let origin: String
    let hostKey: String
    /// The other gate's address.
    let peer: IPAddress?

    /// Throws `.malformed` for a receipt that no gate would write of a released drop.
    package init(
        _ receipt: Receipt, origin: String, hostKey: String, peer: IPAddress?
    ) throws(IntakeError) {
        func refuse(_ why: String) -> IntakeError {
            IntakeError(
                .malformed, "the receipt of \(UntrustedText.head(receipt.drop)) cannot be believed: \(why)")
        }
        let format = receipt.format ?? Receipt.currentFormat
        guard format <= Receipt.currentFormat else {
            throw refuse("it is of format \(format), which this gate does not know")
        }
        guard DropID.isValid(receipt.drop) else { throw refuse("its drop id is not valid") }
        guard let sha256 = receipt.sha256, SHA256Digest.isHex(sha256), receipt.bytes >= 0 else {
            throw refuse("it gives no size and SHA-256")
        }
        guard let channel = Channel(rawValue: receipt.channel),
            let readyPath = Self.readyPath(receipt.file, channel, account: receipt.account)
        else { throw refuse("its file \(UntrustedText.head(receipt.file)) is not a path of a released drop") }
        var source: IPAddress?
        if let text = receipt.source {
            source = try? IPAddress(text)
            guard source != nil else { throw refuse("its source is not an address") }
        }
        let texts = [
            (receipt.name, Self.longestName), (receipt.eventID, Self.longestEventText),
            (receipt.eventType, Self.longestEventText), (receipt.account, Self.longestText),
            (receipt.credential, Self.longestText), (receipt.envelope, Self.longestText),
            (receipt.duplicateOf, Self.longestText), (receipt.sameEventAs, Self.longestText),
        ]
        guard texts.allSatisfy({ text, limit in text.map { Self.isText($0, limit: limit) } ?? true }) else {
            throw refuse("one of its texts is too long or has control characters")
        }
        let times = [receipt.received, receipt.modified].compactMap(\.self)
        guard times.allSatisfy({ $0.utf8.count <= Self.longestText && Instant(rfc3339: $0) != nil }) else {
            throw refuse("one of its times is not valid")
        }
        self.receipt = receipt
        self.channel = channel
        self.source = source
        self.sha256 = sha256
        self.readyPath = readyPath
        self.origin = UntrustedText.head(origin, limit: 512)
        self.hostKey = UntrustedText.head(hostKey, limit: 128)
        self.peer = peer
    }

    /// In bytes. The parts of an event are 200 characters at most, of up to 4 bytes.
    private static let longestText = 256
    private static let longestEventText = 800
    private static let longestName = 1024
    /// A name with `ready/sftp/<account>/` before it and a version after it.
    private static let longestPath = longestName + 128
    /// Directories that an account may nest, its own and the channel's.
    private static let deepestPath = 40

    private static func isText(_ text: String, limit: Int) -> Bool {
        text.utf8.count <= limit && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    /// `ready/sftp/<account>/…` or `ready/webhook/<day>/<name>` without its `ready/`; nil for anything else. What was released with
    /// others there is released by itself here.
    private static func readyPath(_ file: String, _ channel: Channel, account: String?) -> String? {
        guard isText(file, limit: longestPath), let path = StagingLayout.readyPath(ofFile: file) else {
            return nil
        }
        var components = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if components.count == 4, BatchName(ofReady: path) != nil { components.remove(at: 2) }
        guard (3...deepestPath).contains(components.count), components[0] == channel.rawValue,
            components.allSatisfy(Directory.isComponent)
        else { return nil }
        let isInPlace =
            switch channel {
            case .sftp: components[1] == account
            case .webhook: components.count == 3
            case .console: false
            }
        return isInPlace ? components.joined(separator: "/") : nil
    }
}

/// How a drop of another gate stands in this one's ledger.
package enum DropStanding: String, Codable, Sendable {
    case unknown
    /// Committed, and not yet in `ready/`: what was fetched is the only copy. Or lost since: then the other gate's is.
    case pending
    /// Released; whatever became of it then.
    case kept
}

extension Intake {
    /// How a drop of another gate stands here. Throws away what was fetched again of one that is kept.
    package func standing(ofDrop id: String) throws(IntakeError) -> DropStanding {
        try Self.check(id)
        guard takeInHand(id) else { return .pending }
        defer { letGo(id) }
        guard let known = try record(ofDrop: id) else { return .unknown }
        return standing(of: known)
    }

    /// Throws away what was fetched of a drop, unless it is the only copy of one that is committed.
    package func discardFetched(_ id: String) throws(IntakeError) {
        try Self.check(id)
        guard takeInHand(id) else { return }
        defer { letGo(id) }
        if let known = try record(ofDrop: id), [.pending, .lost].contains(known.state) { return }
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
    private func standing(of known: DropRecord) -> DropStanding {
        let part = StagingLayout.pulledName(known.id)
        // Its bytes are gone here. Were it "kept", the other gate would hear that it may remove the last copy.
        if known.state == .lost { return .pending }
        if known.state != .pending {
            _ = try? staging.pulls.remove(part)
            return .kept
        }
        do {
            let isMoved =
                try known.incoming == StagingLayout.pulledFile(known.id) && staging.pulls.status(part) == nil
                && staging.ready.receipt(known.id, at: known.readyPath) != nil
            return isMoved ? .kept : .pending
        } catch {
            return .pending
        }
    }

    private func takeInHand(_ id: String) -> Bool { fetchedInHand.withLock { $0.insert(id).inserted } }

    private func letGo(_ id: String) { fetchedInHand.withLock { _ = $0.remove(id) } }

    /// Makes a fetched drop one of this gate: entry committed, then released. `.stored` when it lies in `ready/`,
    /// `.pending` when that failed or another import is at it. One that is kept already is `.duplicate`, and
    /// nothing changes. When it throws, the fetched file stays where it is.
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
        return try await takeOver(drop, facts)
    }

    private func takeOver(
        _ drop: PulledDrop, _ facts: [String: JSONValue]
    ) async throws(IntakeError) -> DropOutcome {
        if let known = try record(ofDrop: drop.receipt.drop) {
            return DropOutcome(
                id: known.id, status: standing(of: known) == .kept ? .duplicate : .pending,
                name: known.readyPath, seq: known.seq)
        }
        try await verify(drop)
        let readyPath: String
        do {
            readyPath = try staging.ready.reserve(drop.readyPath)
        } catch {
            throw IntakeError(.badPath, "no place for \(drop.readyPath): \(error)")
        }
        var attempt = drop.attempt(readyPath: readyPath)
        attempt.detail.merge(facts) { known, _ in known }
        let entry: AppendedEntry
        do {
            entry = try await append(attempt, drop.registration(readyPath: readyPath))
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
        let receipt = Receipt(AcceptedEntry(attempt, entry), drop: record)
        let isReleased = await uploads.runToEnd {
            guard case .released(let readyPath) = self.complete(record, receipt: receipt) else {
                return false
            }
            self.stager.finish(upload: record.id, readyPath: readyPath)
            return true
        }
        return DropOutcome(
            id: record.id, status: isReleased ? .stored : .pending, name: record.readyPath, seq: entry.seq)
    }

    private func record(ofDrop id: String) throws(IntakeError) -> DropRecord? {
        do {
            return try store.drop(id: id)
        } catch {
            throw IntakeError(.ledgerFailed, "the ledger cannot be read: \(error)", retryAfter: 30)
        }
    }

    /// The file is what the receipt says, and durable. Reads it whole, on no thread that a receiver needs.
    private func verify(_ drop: PulledDrop) async throws(IntakeError) {
        try await imports.runToEnd { () throws(IntakeError) in try self.check(drop) }
    }

    private func check(_ drop: PulledDrop) throws(IntakeError) {
        var hash = SHA256()
        let bytes: Int64
        do {
            let file = try staging.pulls.openFile(StagingLayout.pulledName(drop.receipt.drop))
            bytes = try file.status().bytes
            if bytes == drop.receipt.bytes { try file.forEachPiece { hash.update(bufferPointer: $0) } }
            try file.sync()
            try staging.pulls.sync()
        } catch {
            throw IntakeError(.malformed, "the fetched file cannot be taken over: \(error)")
        }
        guard bytes == drop.receipt.bytes else {
            throw IntakeError(
                .malformed,
                "the fetched file has \(Counted.bytes(bytes)), its receipt says \(drop.receipt.bytes)")
        }
        guard hash.finalize().hex == drop.sha256 else {
            throw IntakeError(.malformed, "the fetched file has not the SHA-256 that its receipt says")
        }
    }
}

extension PulledDrop {
    fileprivate func registration(readyPath: String) -> DropRegistration {
        DropRegistration(
            id: receipt.drop, content: .incoming(StagingLayout.pulledFile(receipt.drop)),
            repeatKey: DropKeys.digest(["pull", receipt.drop]), eventKey: nil, keepsRepeats: true,
            readyPath: { _ in readyPath })
    }

    fileprivate func attempt(readyPath: String) -> Attempt {
        var attempt = Attempt(kind: .transfer, channel: channel, verdict: .accepted, reason: .pulled)
        attempt.source = source.map { Endpoint(ip: $0) }
        attempt.peer = peer.map { Endpoint(ip: $0) }
        attempt.account = receipt.account
        attempt.credential = receipt.credential
        attempt.drop = DropFacts(
            id: receipt.drop, name: readyPath, bytes: receipt.bytes, sha256: sha256,
            eventID: receipt.eventID, eventType: receipt.eventType,
            received: Instant(rfc3339: receipt.received))
        attempt.detail = [
            "name_as_sent": .string(receipt.name), "pulled_from": .string(origin),
            "pulled_host_key": .string(hostKey), "received_there": .string(receipt.received),
        ]
        attempt.detail["pulled_seq"] = receipt.seq.map(JSONValue.int)
        for (key, value) in [
            ("envelope", receipt.envelope), ("modified", receipt.modified),
            ("duplicate_of", receipt.duplicateOf), ("same_event_as", receipt.sameEventAs),
        ] {
            attempt.detail[key] = value.map(JSONValue.string)
        }
        return attempt
    }
}
