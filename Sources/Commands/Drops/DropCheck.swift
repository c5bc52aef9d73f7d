// Looks at one released drop: its bytes under ready/ against the size and digest of its ledger entry.
import Admission
import Crypto
import Foundation
import Ledger
import Settings
import Staging

struct DropCheck {
    enum Finding: Hashable, CaseIterable {
        case intact, altered
        /// Not under `ready/` any more: its consumer has it.
        case taken
        /// Not yet under `ready/`.
        case pending
    }

    private let staging: StagingArea
    private let reader: LedgerReader

    /// Never makes a staging directory: one that is not there cannot be verified.
    init(staging path: String, reader: LedgerReader) throws {
        guard FileManager.default.fileExists(atPath: path + "/ready") else {
            throw Failure(.inside, "there is no staging directory at \(path)")
        }
        staging = try StagingArea(path: path)
        self.reader = reader
    }

    func look(at record: DropRecord) throws -> Finding {
        guard record.state != .pending else { return .pending }
        guard try staging.isOccupied(record.readyPath) else { return .taken }
        let view = try DropView(record, reader)
        if let line = try staging.receipt(record.id)?.line {
            return try lineMatches(line, record, view) ? .intact : .altered
        }
        var hash = SHA256()
        var bytes: Int64 = 0
        try staging.openReleased(record.readyPath).forEachPiece { piece in
            hash.update(bufferPointer: piece)
            bytes += Int64(piece.count)
        }
        return bytes == view.bytes && Self.hex(hash.finalize()) == view.sha256 ? .intact : .altered
    }

    /// One event of an NDJSON batch.
    private func lineMatches(_ number: Int, _ record: DropRecord, _ view: DropView) throws -> Bool {
        let contents = try staging.openReleased(record.readyPath).contents(limit: 1 << 30)
        let lines = contents.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard number > 0, number <= lines.count,
            let line = try? BatchLine(parsing: lines[number - 1]), let body = line.bytes
        else { return false }
        return Int64(body.count) == view.bytes && Self.hex(SHA256.hash(data: body)) == view.sha256
    }

    private static func hex(_ digest: SHA256Digest) -> String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
