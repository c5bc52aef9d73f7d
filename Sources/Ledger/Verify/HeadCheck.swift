// Holds checkpoints, those stored and those kept elsewhere, against the tree as it grows.
import Admission
import Foundation
import GRDB
import JSON

struct HeadCheck {
    /// The newest stored checkpoint that is signed and right.
    private(set) var signed: Checkpoint?
    private(set) var witnessed: Checkpoint?
    private(set) var count: Int64 = 0
    private let db: Database
    private let stored: RowCursor
    private var next: SignedCheckpoint?
    private var nextSize: Int64?
    private var lastSize: Int64?
    private var lastGood: Int64 = 0
    private var isWrong = false
    private var isLost = false
    private var kept: [LedgerVerifier.Kept]
    private var keptAt = 0
    private var known: Set<NoteVerifier>
    private var rotations: [KeyRotation] = []
    /// The entry by which another key took the place of this one: of a checkpoint that covers that entry the old key's signature
    /// counts for nothing. Who has stolen it could go on with the ledger as if it had never been changed.
    private var replaced: [NoteVerifier: Int64] = [:]
    /// Some checkpoint's key was not known when it was looked at: a later entry may tie it to one that is.
    private var hasUnknownKeys = false
    private var pending: [LedgerFault] = []
    private var storedSizes: Set<Int64> = []
    private let keptSizes: Set<Int64>

    init(_ db: Database, trusted: Set<NoteVerifier>, evidence: LedgerVerifier.Evidence) throws {
        self.db = db
        known = trusted
        kept = evidence.kept.sorted { $0.checkpoint.checkpoint.size < $1.checkpoint.checkpoint.size }
        keptSizes = Set(kept.map(\.checkpoint.checkpoint.size))
        stored = try Row.fetchCursor(db, sql: Self.stored)
        for (index, (damage, mayBeTorn)) in evidence.damage.enumerated() {
            // A crash leaves one piece; of thousands the rest need not be looked for.
            let isTorn = mayBeTorn && index < LedgerVerifier.faultLimit
            guard try !isTorn || !isLeftOver(damage.text) else { continue }
            pending.append(
                .init(
                    .checkpointDamaged, nil,
                    "\(damage.place): what is kept there is not a complete checkpoint: it was altered or cut")
            )
        }
        try step()
    }

    private static let stored = "SELECT size, note FROM checkpoints ORDER BY size"

    /// Whether a text is what a crash left of a stored checkpoint, or an error while it was written. One is stored before it is
    /// given to anybody.
    private func isLeftOver(_ text: String) throws -> Bool {
        // Origin, size and root tell a checkpoint from all others. Of less than these lines the text may be the beginning of
        // any that begins so. The last character may be cut.
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(3)
        var head = lines.joined(separator: "\n")
        if head.last == "\u{FFFD}" { head.removeLast() }
        let note = try String.fetchOne(
            db, sql: "SELECT note FROM checkpoints WHERE substr(note, 1, length(?1)) = ?1 LIMIT 1",
            arguments: [head])
        let stored = note.flatMap { SignedNote(parsing: $0) }.flatMap(SignedCheckpoint.init)
        return stored?.mayHaveBegun(as: text) ?? false
    }

    /// To the next stored checkpoint.
    private mutating func step() throws {
        next = nil
        nextSize = nil
        while let row = try stored.next() {
            count += 1
            let row = TableRow(row, of: "checkpoints")
            let size = try row.int("size")
            // What is no text is no note, either.
            let note = (try? row.text("note")).flatMap { SignedNote(parsing: $0) }
            if keptSizes.contains(size) { storedSizes.insert(size) }
            guard let read = note.flatMap(SignedCheckpoint.init), read.checkpoint.size == size else {
                pending.append(
                    .init(
                        .badSignature, nil,
                        "what is stored as the checkpoint of \(Counted.entries(size)) is not a checkpoint"))
                lastSize = size
                continue
            }
            if read.checkpoint.previous != lastSize {
                pending.append(
                    .init(
                        .checkpointMissing, nil,
                        "the checkpoint of \(Counted.entries(size)) follows one of "
                            + "\(read.checkpoint.previous.map(String.init) ?? "none"), which is not stored"
                            + (lastSize.map { "; the one before it is of \($0)" } ?? "")))
            }
            lastSize = size
            (next, nextSize) = (read, size)
            return
        }
    }

    /// Looks for a change of keys in the entry of this number.
    mutating func look(_ scan: EntryScan, _ json: UnsafeRawBufferPointer, seq: Int64) {
        guard scan.kind?.equals("service") == true, scan.reason?.equals("changed") == true,
            let entry = try? JSONValue(parsing: Array(json)), let rotation = KeyRotation(of: entry)
        else { return }
        rotations.append(rotation)
        if replaced[rotation.old] == nil { replaced[rotation.old] = seq }
        known = KeyRotation.keys(from: known, by: rotations)
    }

    /// The tree cannot be followed any more.
    mutating func giveUp() { isLost = true }

    /// The tree has grown to the size of `frontier`.
    mutating func reached(_ frontier: MerkleFrontier) -> [LedgerFault] {
        guard
            frontier.size == nextSize
                || (keptAt < kept.count && kept[keptAt].checkpoint.checkpoint.size <= frontier.size)
        else { return [] }
        defer { pending = [] }
        let root = frontier.root
        while let checkpoint = next, checkpoint.checkpoint.size == frontier.size {
            check(checkpoint, root)
            do { try step() } catch {
                pending.append(.init(.badSignature, nil, "checkpoints cannot be read: \(error)"))
            }
        }
        while keptAt < kept.count, kept[keptAt].checkpoint.checkpoint.size <= frontier.size {
            if kept[keptAt].checkpoint.checkpoint.size == frontier.size { check(kept[keptAt], root) }
            keptAt += 1
        }
        return pending
    }

    private mutating func check(_ stored: SignedCheckpoint, _ root: MerkleHash) {
        let checkpoint = stored.checkpoint
        noteSignature(stored)
        guard !isLost else { return }
        if checkpoint.root == root {
            lastGood = checkpoint.size
            signed = checkpoint
        } else if !isWrong {
            isWrong = true
            pending.append(
                .init(
                    .altered, lastGood...checkpoint.size - 1,
                    "among entries \(lastGood) to \(checkpoint.size - 1) some were altered together with their hashes: "
                        + "the checkpoint of \(Counted.entries(checkpoint.size)) has another root"))
        }
    }

    private mutating func check(_ kept: LedgerVerifier.Kept, _ root: MerkleHash) {
        let checkpoint = kept.checkpoint.checkpoint
        noteSignature(kept.checkpoint)
        guard !isLost else { return }
        guard checkpoint.root == root else {
            pending.append(
                .init(
                    .forked, 0...checkpoint.size - 1,
                    "the first \(Counted.entries(checkpoint.size)) are not those that \(kept.keeper) saw signed at "
                        + "\(checkpoint.time)"))
            return
        }
        if kept.isOutside { witnessed = checkpoint }
        if !storedSizes.contains(checkpoint.size) {
            pending.append(
                .init(
                    .checkpointMissing, nil,
                    "the checkpoint of \(Counted.entries(checkpoint.size)) that \(kept.keeper) has is not in the ledger"
                ))
        }
    }

    private mutating func noteSignature(_ signed: SignedCheckpoint) {
        if !isSigned(signed.note, size: signed.checkpoint.size) { hasUnknownKeys = true }
    }

    /// Whether a known key signed a checkpoint of this size that was in force then.
    private func isSigned(_ note: SignedNote, size: Int64) -> Bool {
        known.contains { note.isSigned(by: $0) && !isReplaced($0, size: size) }
    }

    private func isReplaced(_ key: NoteVerifier, size: Int64) -> Bool {
        replaced[key].map { $0 < size } ?? false
    }

    /// Checkpoints whose key nothing ties to a known one, or that another key had replaced, now that all entries have been seen.
    private mutating func unsigned() throws -> [LedgerFault] {
        func fault(_ what: String, _ note: SignedNote) -> LedgerFault {
            let entry = known.first(where: note.isSigned).flatMap { replaced[$0] }
            let why = entry.map { "is signed by a key that entry \($0) had replaced" }
            return .init(.badSignature, nil, "\(what) \(why ?? "is not signed by a key that is trusted")")
        }
        var faults: [LedgerFault] = []
        let rows = try Row.fetchCursor(db, sql: Self.stored)
        while let row = try rows.next(), faults.count < LedgerVerifier.faultLimit {
            let row = TableRow(row, of: "checkpoints")
            let size = try row.int("size")
            // What is no note at all was told before.
            guard let note = (try? row.text("note")).flatMap({ SignedNote(parsing: $0) }),
                !isSigned(note, size: size)
            else { continue }
            faults.append(fault("the checkpoint of \(Counted.entries(size))", note))
            if signed?.size == size { signed = nil }
        }
        for kept in kept where faults.count < 2 * LedgerVerifier.faultLimit {
            let (checkpoint, note) = (kept.checkpoint.checkpoint, kept.checkpoint.note)
            guard !isSigned(note, size: checkpoint.size) else { continue }
            faults.append(
                fault("the checkpoint of \(Counted.entries(checkpoint.size)) that \(kept.keeper) has", note))
            if witnessed == checkpoint { witnessed = nil }
        }
        return faults
    }

    /// What is left at the end: checkpoints of more entries than there are, and keys that nothing ties to a known one.
    mutating func finish(size: Int64) throws -> [LedgerFault] {
        var faults = pending
        // Smaller ones are left over where the tree could not be followed.
        if let nextSize, nextSize > size {
            faults.append(
                .init(
                    .cut, size...nextSize - 1,
                    "the tail was cut after entry \(size - 1): a stored checkpoint is of \(Counted.entries(nextSize))"
                )
            )
        }
        for kept in kept.suffix(1) where kept.checkpoint.checkpoint.size > size {
            let checkpoint = kept.checkpoint.checkpoint
            noteSignature(kept.checkpoint)
            faults.append(
                .init(
                    .rolledBack, size...checkpoint.size - 1,
                    "the ledger was rolled back or cut: it has \(Counted.entries(size)), \(kept.keeper) has a checkpoint of "
                        + "\(checkpoint.size), signed at \(checkpoint.time)"))
        }
        if hasUnknownKeys { faults += try unsigned() }
        return faults
    }
}
