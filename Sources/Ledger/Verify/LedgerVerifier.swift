// Verifies a whole ledger: every entry is hashed again, the tree is built again, and every checkpoint is held
// against it. It reads beside the gate, from one snapshot, with memory that does not grow with the ledger.
import Foundation
import GRDB

package struct LedgerVerifier {
    /// A checkpoint from outside the ledger's own file.
    package struct Kept: Sendable {
        package var checkpoint: SignedCheckpoint
        /// Whose it is, for messages: a file, a witness.
        package var keeper: String
        /// Out of reach of whoever can write the ledger's directory.
        package var isOutside: Bool

        package init(_ checkpoint: SignedCheckpoint, keeper: String, isOutside: Bool) {
            self.checkpoint = checkpoint
            self.keeper = keeper
            self.isOutside = isOutside
        }
    }

    /// What is kept outside the ledger's own file, by whomever.
    package struct Evidence: Sendable {
        package private(set) var kept: [Kept] = []
        /// - mayBeTorn: the gate appends to a file there, and may have been ended in the middle of a note.
        private(set) var damage: [(damage: KeptCheckpoints.Damage, mayBeTorn: Bool)] = []

        package init() {}

        /// - Parameters:
        ///   - keeper: as of `Kept`.
        ///   - isOutside: as of `Kept`.
        ///   - mayBeTorn: whether the gate appends to a file there: what a crash left of a checkpoint that the ledger has is no
        ///     damage.
        package mutating func add(
            _ found: KeptCheckpoints, of keeper: String, isOutside: Bool, mayBeTorn: Bool
        ) {
            kept += found.checkpoints.map { Kept($0, keeper: keeper, isOutside: isOutside) }
            damage += found.damage.map { ($0, mayBeTorn) }
        }
    }

    package struct Result: Sendable {
        /// How many entries the ledger has.
        package var size: Int64 = 0
        /// Bytes of the entries that were hashed.
        package var bytes: Int64 = 0
        /// At most `LedgerVerifier.faultLimit`, in the order of discovery.
        package var faults: [LedgerFault] = []
        /// How many there were in all.
        package var faultCount = 0
        /// The newest stored checkpoint that is signed and right.
        package var signed: Checkpoint?
        package var checkpointCount: Int64 = 0
        /// Size and time of the newest outside checkpoint that the ledger extends; nil without one.
        package var witnessed: Checkpoint?
        /// Entries whose bytes retention removed, as recorded; their hashes are still in the tree.
        package var removed: [ClosedRange<Int64>] = []

        package var isGood: Bool { faultCount == 0 }
    }

    package static let faultLimit = 1000

    let paths: LedgerPaths
    let trusted: Set<NoteVerifier>
    let evidence: Evidence
    let progress: (_ done: Int64, _ of: Int64) -> Void

    /// See `LedgerHandle.verifier`.
    init(
        _ paths: LedgerPaths, trusted: Set<NoteVerifier>, evidence: Evidence,
        progress: @escaping (_ done: Int64, _ of: Int64) -> Void
    ) {
        self.paths = paths
        self.trusted = trusted
        self.evidence = evidence
        self.progress = progress
    }

    /// Throws `LedgerError` when the ledger cannot be read at all.
    package func verify() throws -> Result {
        try ReadOnlyDatabase(paths).readLedger { db in
            var run = try VerifyRun(self, db)
            return try run.all()
        }
    }
}
