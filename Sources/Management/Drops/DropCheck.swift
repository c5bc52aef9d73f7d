// Looks at one released drop: its bytes under ready/ and its receipt against its ledger entry.
import Foundation
import Intake
package import Ledger
import Staging
import TLS

/// Of one drop.
package enum DropFinding: String, Sendable, Hashable, CaseIterable {
    case intact
    /// The bytes are other ones, or no regular file lies in its place.
    case altered
    /// It lies there, and it or its receipt cannot be read.
    case unreadable
    /// The bytes are right, but the receipt is absent or says something else than the ledger.
    case receiptDiffers = "receipt differs"
    /// Not under `ready/` any more: its consumer has it.
    case taken
    /// Not yet under `ready/`.
    case pending
    /// Taken back by its sender; in quarantine.
    case withdrawn
    /// Its bytes are gone; the ledger says when that was found.
    case lost
    /// It lies there, and its entry was removed by the ledger's retention: there is nothing left to compare it with.
    case notCompared = "not compared"
}

/// What a look at one drop has found.
package struct VerifiedDrop: Sendable {
    package let record: DropRecord
    package let finding: DropFinding
    /// What is other than the ledger says: of `altered` and `receiptDiffers`; nil for every other finding.
    package let difference: DropDifference?
    /// Why it could not be read; nil for every other finding.
    package let failure: ManagementError?
}

struct DropCheck {
    private let staging: StagingArea
    private let reader: any LedgerReading
    private let batches: BatchDigests

    /// Never makes a staging directory: one that is not there cannot be verified.
    init(staging path: String, reader: any LedgerReading) throws {
        try ReadyLook.require(path)
        staging = try StagingArea(lookingInto: path)
        self.reader = reader
        batches = BatchDigests(staging: staging, reader: reader)
    }

    /// A drop that cannot be read keeps no other from its turn. Throws `LedgerError`.
    func look(at record: DropRecord) throws -> VerifiedDrop {
        do {
            let (finding, difference) = try self.finding(of: record)
            return VerifiedDrop(record: record, finding: finding, difference: difference, failure: nil)
        } catch let error as StagingError {
            return VerifiedDrop(
                record: record, finding: .unreadable, difference: nil, failure: ManagementError(error))
        }
    }

    private func finding(of record: DropRecord) throws -> (DropFinding, DropDifference?) {
        switch record.state {
        case .pending: return (.pending, nil)
        case .withdrawn: return (.withdrawn, nil)
        case .lost: return (.lost, nil)
        case .released, .taken, .acknowledged, .forgotten: break
        }
        guard try staging.ready.stillHolds(record.readyPath), try isStill(record) else {
            return (.taken, nil)
        }
        let view = try DropView(record, reader)
        let (receipt, barrier) = self.receipt(of: record)
        do {
            guard let expected = ContentDigest.Expected(view) else {
                _ = try staging.ready.openReleased(record.readyPath)
                return (.notCompared, nil)
            }
            if let difference = try self.difference(of: record, expected, line: receipt?.line) {
                return (.altered, difference)
            }
        } catch let error as StagingError where error.code == .badPath {
            // A directory, a link or a pipe lies there.
            return (.altered, .noFile(what: error.message))
        } catch let error as StagingError where error.code == .notFound {
            // Since the first look.
            return (.taken, nil)
        }
        if let barrier { throw barrier }
        guard let receipt else { return (.receiptDiffers, .receipt(members: [])) }
        let others = Self.otherMembers(of: receipt, record, view)
        return others.isEmpty ? (.intact, nil) : (.receiptDiffers, .receipt(members: others))
    }

    /// The names of what a receipt says otherwise than the ledger.
    private static func otherMembers(
        of receipt: Receipt, _ record: DropRecord, _ view: DropView
    ) -> [String] {
        var members: [String] = []
        if receipt.drop != record.id { members.append("drop") }
        if receipt.seq != record.seq { members.append("seq") }
        if receipt.bytes != view.bytes { members.append("bytes") }
        if receipt.sha256 != view.receipt.sha256 { members.append("sha256") }
        if receipt.file != StagingLayout.released(record.readyPath) { members.append("file") }
        return members
    }

    /// The receipt, or why this process may not read it. Neither: there is none, or what lies there is none of the gate's.
    private func receipt(of record: DropRecord) -> (receipt: Receipt?, barrier: StagingError?) {
        do {
            return (try staging.ready.receipt(record.id, at: record.readyPath), nil)
        } catch {
            let barrier = error as? StagingError
            return (nil, barrier?.needsMending == true ? barrier : nil)
        }
    }

    /// Whether what lies at the path is this drop, not a later one that was given the name since.
    private func isStill(_ record: DropRecord) throws -> Bool {
        guard record.incoming != nil else { return true }
        return try reader.newestUpload(readyPath: record.readyPath)?.id == record.id
    }

    /// What the data of a drop has other than its entry says; nil: nothing.
    /// - Parameter line: of a batch, as its receipt has it.
    private func difference(
        of record: DropRecord, _ expected: ContentDigest.Expected, line: Int?
    ) throws -> DropDifference? {
        let found: ContentDigest
        if StagingLayout.holdsLines(record.readyPath) {
            let event = try batches.event(of: record, line: line)
            guard let content = event.content else { return .line(event.line) }
            found = content
        } else {
            found = try content(of: record)
        }
        guard found.bytes == expected.bytes else {
            return .size(expected: expected.bytes, found: found.bytes)
        }
        return found.hex == expected.sha256 ? nil : .sha256(expected: expected.sha256, found: found.hex)
    }

    private func content(of record: DropRecord) throws -> ContentDigest {
        var hash = SHA256()
        var bytes: Int64 = 0
        try staging.ready.openReleased(record.readyPath).forEachPiece { piece in
            hash.update(bufferPointer: piece)
            bytes += Int64(piece.count)
        }
        return ContentDigest(bytes: bytes, sha256: hash.finalize())
    }
}
