// Holds what somebody has kept of a ledger's checkpoints against those that the ledger itself has, while it is read. A witness gets
// thousands a day, and all but a few of them say nothing that the ledger's own ones do not: a verification checks each of those.
// It judges nothing: what it leaves is for the verification.
import GRDB

package struct CheckpointSieve: Sendable {
    private let database: ReadOnlyDatabase
    private let trusted: Set<NoteVerifier>
    private var kept = KeptCheckpoints()
    /// The newest one that the ledger has, too.
    private var newest: (size: Int64, piece: FoundPiece)?
    /// Of keys that are not known, by their ids, the newest one of the same entries as the ledger's own.
    private var ofUnknownKeys: [[UInt8]: SignedCheckpoint] = [:]
    /// The largest one of more entries than the ledger has: a ledger that lacks this one lacks the smaller ones, too.
    private var beyond: SignedCheckpoint?
    /// The last one of a file that has not been read to its end.
    var last: SignedCheckpoint?

    /// See `LedgerHandle.sieve`.
    init(_ database: ReadOnlyDatabase, trusted: Set<NoteVerifier>) {
        self.database = database
        self.trusted = trusted
    }

    /// What a verification has to look at: the newest one that the ledger has, all that it has not or has otherwise, of those that are
    /// of more entries than it has the largest, and what is damaged.
    package var rest: KeptCheckpoints {
        var rest = kept
        let newest = newest?.piece.piece.checkpoint
        let others = [newest, beyond, last].compactMap(\.self)
        for checkpoint in others + ofUnknownKeys.values { rest.add(checkpoint) }
        return rest
    }

    /// What is not read piece by piece, for it is little.
    mutating func add(_ few: KeptCheckpoints) { kept.add(few) }

    /// Throws `LedgerError(.unreadable)` where the ledger cannot be read.
    mutating func take(_ pieces: [FoundPiece], in file: String) throws {
        guard !pieces.isEmpty else { return }
        try database.readLedger { db in
            let size = try SQLiteLedgerReader.size(db)
            let own = try db.cachedStatement(sql: "SELECT note FROM checkpoints WHERE size = ?")
            for piece in pieces { try take(piece, in: file, own: own, size: size) }
        }
    }

    /// - Parameters:
    ///   - own: finds the ledger's own checkpoint of a size.
    ///   - size: entries of the ledger.
    private mutating func take(
        _ found: FoundPiece, in file: String, own: Statement, size: Int64
    ) throws {
        let note = try found.size.flatMap { try String.fetchOne(own, arguments: [$0]) }
        if let note, found.isSame(as: note) { return pass(found) }
        let piece = found.piece
        guard let signed = piece.checkpoint else { return kept.add(piece, in: file) }
        if let note, let own = ownNote(note, sameAs: signed) {
            if isSigned(signed, as: own) { return pass(found) }
            if let id = unknownKey(of: signed, in: own) { return keepNewest(signed, of: id) }
        }
        guard signed.checkpoint.size > size else { return kept.add(signed) }
        if signed.checkpoint.size > beyond?.checkpoint.size ?? 0 { beyond = signed }
    }

    private mutating func pass(_ found: FoundPiece) {
        guard let size = found.size, size > newest?.size ?? 0 else { return }
        newest = (size, found)
    }

    /// The ledger's own note where it is of the same entries, at another time: an idle gate signs its head again and again, and the
    /// ledger has the last of these.
    private func ownNote(_ note: String, sameAs signed: SignedCheckpoint) -> SignedNote? {
        guard let own = SignedNote(parsing: note).flatMap(SignedCheckpoint.init),
            own.checkpoint.size == signed.checkpoint.size, own.checkpoint.root == signed.checkpoint.root,
            own.checkpoint.origin == signed.checkpoint.origin
        else { return nil }
        return own.note
    }

    private func isSigned(_ signed: SignedCheckpoint, as own: SignedNote) -> Bool {
        trusted.contains { signed.note.isSigned(by: $0) && own.isSigned(by: $0) }
    }

    /// The id of a key that is to have signed both, and is not known yet: a verification finds keys by the ledger's rotations.
    private func unknownKey(of signed: SignedCheckpoint, in own: SignedNote) -> [UInt8]? {
        signed.note.signatures.first { signature in
            own.signatures.contains { $0.name == signature.name && $0.keyID == signature.keyID }
                && !trusted.contains { $0.name == signature.name && $0.keyID == signature.keyID }
        }?.keyID
    }

    private mutating func keepNewest(_ signed: SignedCheckpoint, of key: [UInt8]) {
        let known = ofUnknownKeys[key]?.checkpoint.size ?? 0
        if signed.checkpoint.size > known { ofUnknownKeys[key] = signed }
    }
}
