// Looks at one released drop: its bytes under ready/ and its receipt against its ledger entry.
import Intake
import JSON
import Ledger
import Staging
import TLS

struct DropCheck {
    private let staging: StagingArea
    private let reader: any LedgerReading
    private let batches: BatchDigests
    /// What lies there and is a drop's.
    private let owned = PathSet()

    /// Never makes a staging directory: one that is not there cannot be verified.
    init(staging path: String, reader: any LedgerReading) throws {
        try ReadyLook.require(path)
        staging = try StagingArea(lookingInto: path)
        self.reader = reader
        batches = BatchDigests(staging: staging, reader: reader)
    }

    /// A drop that cannot be read keeps no other from its turn. Throws `LedgerError`.
    func look(at record: DropRecord) throws -> DropVerdict {
        let verdict = try verdict(of: record)
        // A running gate may have changed it, or its receipt, while it was looked at.
        guard verdict.finding.isWrong, let now = try reader.drop(id: record.id), now != record else {
            return verdict
        }
        batches.forget()
        return try self.verdict(of: now)
    }

    /// What lies under `ready/` and is no drop's; of batches that were looked at, lines. Best once all drops were looked at: of others the
    /// ledger is asked. Throws `LedgerError`, `StagingError` where `ready/` itself cannot be read, and what `found` throws.
    func lookForStrays(_ found: (DropVerdict) throws -> Void) throws {
        func tell(_ path: String, lines: ClosedRange<Int>? = nil, _ barrier: StagingError? = nil) throws {
            try found(
                DropVerdict(
                    subject: .place(path, lines: lines), finding: barrier == nil ? .foreign : .unreadable,
                    difference: nil, failure: barrier.map(ManagementError.init)))
        }
        for stray in batches.strayLines.sorted(by: { $0.readyPath < $1.readyPath }) {
            try tell(stray.readyPath, lines: stray.lines)
        }
        let owners = DropOwners(staging: staging, reader: reader)
        try staging.ready.forEachFound(below: "") { place in
            if case .closed(let barrier) = place.kind { return try tell(place.path, barrier) }
            guard !owned.contains(place.path), try owners.isStray(place.path) else { return }
            try tell(place.path)
        }
    }

    private func verdict(of record: DropRecord) throws -> DropVerdict {
        func verdict(
            _ finding: DropFinding, _ difference: DropDifference? = nil, _ failure: ManagementError? = nil
        ) -> DropVerdict {
            DropVerdict(subject: .drop(record), finding: finding, difference: difference, failure: failure)
        }
        do {
            return verdict(try finding(of: record))
        } catch let difference as DropDifference {
            return verdict(difference.isOfReceipt ? .receiptDiffers : .altered, difference)
        } catch let error as StagingError {
            return verdict(.unreadable, nil, ManagementError(error))
        }
    }

    /// Throws a `DropDifference` where something is other than the ledger says.
    private func finding(of record: DropRecord) throws -> DropFinding {
        switch record.state {
        case .pending: return .pending
        case .withdrawn: return .withdrawn
        case .lost: return .lost
        case .released, .taken, .acknowledged, .forgotten: break
        }
        guard try staging.ready.stillHolds(record.readyPath), try isStill(record) else { return .taken }
        owned.insert(record.readyPath)
        let view = try DropView(record, reader)
        let embedded: BatchDigests.Event?
        do {
            guard let expected = ContentDigest.Expected(view) else {
                _ = try staging.ready.openReleased(record.readyPath)
                return .notCompared
            }
            embedded = try compare(record, with: expected)
        } catch let error as StagingError where error.code == .badPath {
            // A directory, a link or a pipe lies there.
            throw DropDifference.noFile(what: error.message)
        } catch let error as StagingError where error.code == .notFound {
            // Since the first look.
            return .taken
        }
        try compareReceipts(of: record, view, embedded)
        return .intact
    }

    // MARK: Receipts

    /// What its consumer reads has to say what the ledger does: the receipt in `receipts/`, and that in the line of a batch.
    private func compareReceipts(
        of record: DropRecord, _ view: DropView, _ embedded: BatchDigests.Event?
    ) throws {
        guard let receipt = try receipt(of: record) else { throw DropDifference.receipt(members: []) }
        let line = embedded == nil ? nil : try batches.event(of: record).line
        var others = Self.otherMembers(of: receipt, record, view, line: line)
        guard others.isEmpty else { throw DropDifference.receipt(members: others) }
        guard let embedded else { return }
        others = Self.otherMembers(of: embedded.receipt, record, view, line: line)
        guard others.isEmpty else { throw DropDifference.receiptInLine(members: others) }
    }

    /// The names of what a receipt says otherwise than the ledger, sorted. Of `modified` the time of the entry is right, too: of a drop
    /// whose sender has set it anew the receipt is written after the ledger.
    private static func otherMembers(
        of receipt: Receipt, _ record: DropRecord, _ view: DropView, line: Int?
    ) -> [String] {
        var expected = view.receipt
        expected.file = StagingLayout.released(record.readyPath)
        expected.line = line
        // The ledger does not have these, or has them without a proof.
        (expected.format, expected.released) = (receipt.format, receipt.released)
        (expected.reason, expected.path) = (nil, nil)
        if receipt.modified == view.modifiedAtFirst { expected.modified = receipt.modified }
        let (found, wanted) = (receipt.encoded(), expected.encoded())
        guard found != wanted else { return [] }
        let (foundMembers, wantedMembers) = (Self.members(found), Self.members(wanted))
        return Set(foundMembers.keys).union(wantedMembers.keys)
            .filter { foundMembers[$0] != wantedMembers[$0] }.sorted()
    }

    /// The bytes of each.
    private static func members(_ receipt: [UInt8]) -> [String: [UInt8]] {
        ((try? JSONValue(parsing: receipt))?.object ?? [:]).mapValues(CanonicalJSON.encode)
    }

    /// nil: there is none, or what lies there is none of the gate's. Throws where this process may not read it.
    private func receipt(of record: DropRecord) throws -> Receipt? {
        do {
            return try staging.ready.receipt(record.id, at: record.readyPath)
        } catch let error as StagingError where error.needsMending {
            throw error
        } catch is StagingError {
            return nil
        }
    }

    // MARK: Data

    /// Whether what lies at the path is this drop, not a later one that was given the name since.
    private func isStill(_ record: DropRecord) throws -> Bool {
        guard record.incoming != nil else { return true }
        return try reader.newestUpload(readyPath: record.readyPath)?.id == record.id
    }

    /// Throws a `DropDifference` where the data of a drop is other than its entry says. Returns what its line has, of an event of a batch
    /// with one file.
    private func compare(
        _ record: DropRecord, with expected: ContentDigest.Expected
    ) throws -> BatchDigests.Event? {
        guard StagingLayout.holdsLines(record.readyPath) else {
            try compare(content(of: record, expected), with: expected)
            return nil
        }
        let (event, line) = try batches.event(of: record)
        guard let event else { throw DropDifference.line(line) }
        try compare(event.content, with: expected)
        return event
    }

    private func compare(_ found: ContentDigest, with expected: ContentDigest.Expected) throws(DropDifference)
    {
        guard found.bytes == expected.bytes else {
            throw DropDifference.size(expected: expected.bytes, found: found.bytes)
        }
        guard found.hex == expected.sha256 else {
            throw DropDifference.sha256(expected: expected.sha256, found: found.hex)
        }
    }

    /// A file of another size is not read.
    private func content(of record: DropRecord, _ expected: ContentDigest.Expected) throws -> ContentDigest {
        let file = try staging.ready.openReleased(record.readyPath)
        var size = try file.size()
        guard size == expected.bytes else {
            throw DropDifference.size(expected: expected.bytes, found: size)
        }
        var hash = SHA256()
        size = 0
        try file.forEachPiece(limit: expected.bytes) { piece in
            hash.update(bufferPointer: piece)
            size += Int64(piece.count)
        }
        return ContentDigest(bytes: size, sha256: hash.finalize())
    }
}
