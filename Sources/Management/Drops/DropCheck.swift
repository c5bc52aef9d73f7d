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
}

/// What a look at one drop has found.
package struct VerifiedDrop: Sendable {
    package let record: DropRecord
    package let finding: DropFinding
    /// Why it could not be read; nil for every other finding.
    package let failure: ManagementError?
}

struct DropCheck {
    private let staging: StagingArea
    private let reader: any LedgerReading

    /// Never makes a staging directory: one that is not there cannot be verified.
    init(staging path: String, reader: any LedgerReading) throws {
        try ReadyLook.require(path)
        staging = try StagingArea(lookingInto: path)
        self.reader = reader
    }

    /// A drop that cannot be read keeps no other from its turn. Throws `LedgerError`.
    func look(at record: DropRecord) throws -> VerifiedDrop {
        do {
            return VerifiedDrop(record: record, finding: try finding(of: record), failure: nil)
        } catch let error as StagingError {
            return VerifiedDrop(record: record, finding: .unreadable, failure: ManagementError(error))
        }
    }

    private func finding(of record: DropRecord) throws -> DropFinding {
        switch record.state {
        case .pending: return .pending
        case .withdrawn: return .withdrawn
        case .lost: return .lost
        case .released, .taken, .acknowledged, .forgotten: break
        }
        guard try staging.ready.stillHolds(record.readyPath), try isStill(record) else { return .taken }
        let view = try DropView(record, reader)
        let (receipt, barrier) = self.receipt(of: record)
        do {
            let matches =
                try StagingLayout.holdsLines(record.readyPath)
                ? lineMatches(receipt?.line, record, view) : fileMatches(record, view)
            guard matches else { return .altered }
        } catch let error as StagingError where error.code == .badPath {
            // A directory, a link or a pipe lies there.
            return .altered
        } catch let error as StagingError where error.code == .notFound {
            // Since the first look.
            return .taken
        }
        if let barrier { throw barrier }
        let agrees =
            receipt?.drop == record.id && receipt?.seq == record.seq && receipt?.bytes == view.bytes
            && receipt?.sha256 == view.receipt.sha256
            && receipt?.file == StagingLayout.released(record.readyPath)
        return agrees ? .intact : .receiptDiffers
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

    private func fileMatches(_ record: DropRecord, _ view: DropView) throws -> Bool {
        var hash = SHA256()
        var bytes: Int64 = 0
        try staging.ready.openReleased(record.readyPath).forEachPiece { piece in
            hash.update(bufferPointer: piece)
            bytes += Int64(piece.count)
        }
        let sha256 = hash.finalize().hex
        return bytes == view.bytes && sha256 == view.receipt.sha256
    }

    /// One event of an NDJSON batch.
    private func lineMatches(_ line: Int?, _ record: DropRecord, _ view: DropView) throws -> Bool {
        let events = BatchEvents(staging: staging, reader: reader)
        guard let body = try events.event(of: record, line: line) else { return false }
        return Int64(body.count) == view.bytes && SHA256.hash(data: body).hex == view.receipt.sha256
    }
}
