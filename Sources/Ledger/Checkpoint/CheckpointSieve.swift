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
    /// The largest one of more entries than the ledger has: who has that has lost the others, too.
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
        for checkpoint in [newest, beyond, last].compactMap(\.self) { rest.add(checkpoint) }
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
        if let note, isSigned(signed, asIn: note) { return pass(found) }
        guard signed.checkpoint.size > size else { return kept.add(signed) }
        if signed.checkpoint.size > beyond?.checkpoint.size ?? 0 { beyond = signed }
    }

    private mutating func pass(_ found: FoundPiece) {
        guard let size = found.size, size > newest?.size ?? 0 else { return }
        newest = (size, found)
    }

    /// Whether the ledger's own note is of the same entries and signed by the same key, at another time: an idle gate signs its head
    /// again and again, and the ledger has the last of these.
    private func isSigned(_ signed: SignedCheckpoint, asIn note: String) -> Bool {
        guard let own = SignedNote(parsing: note).flatMap(SignedCheckpoint.init),
            own.checkpoint.size == signed.checkpoint.size, own.checkpoint.root == signed.checkpoint.root,
            own.checkpoint.origin == signed.checkpoint.origin
        else { return false }
        return trusted.contains { signed.note.isSigned(by: $0) && own.note.isSigned(by: $0) }
    }
}
