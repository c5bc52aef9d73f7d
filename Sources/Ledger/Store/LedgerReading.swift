// What can be read of a ledger, whatever keeps it. Every implementation passes the conformance suite in Tests/LedgerTests.
package import Admission

/// Reads a ledger beside its writer, which may be another process, and never changes it.
///
/// - **Threads**: any, many at once. Every call blocks.
/// - **What it sees**: each call sees what was committed when it began, all of it and nothing in part; two calls may see
///   different states.
/// - **Sealed entries** are read as the others are, but where a method says otherwise.
/// - **Cancellation**: what takes long (a tally, who came before) ends with `CancellationError` when its task is cancelled.
/// - **Errors**: `LedgerError(.unreadable)`; what a closure of the caller throws goes through as it is.
package protocol LedgerReading: Sendable {
    // MARK: Entries

    /// The number of entries.
    func size() throws -> Int64
    /// The number of the newest entry, or nil for an empty ledger.
    func lastSeq() throws -> Int64?
    /// The number of the first entry at or after an instant; one above the last when there is none.
    func firstSeq(notBefore instant: Instant) throws -> Int64
    /// The smallest range that holds all entries of a period. Where the clock was set back it may hold others, too.
    func seqs(of period: LedgerPeriod) throws -> Range<Int64>
    /// Where what can be read begins; nil for an empty ledger.
    func beginning() throws -> LedgerBeginning?
    /// Runs of entries that were written while the clock was behind, oldest first.
    func clockSetBacks() throws -> [ClockSetBack]
    /// The entries that a query asks for, in its order.
    func entries(_ query: LedgerQuery) throws -> [StoredEntry]
    /// One entry, or nil when there is none or retention has removed it.
    func entry(seq: Int64) throws -> StoredEntry?
    /// Gives the canonical bytes of the entries of a range in order. Throws when one of them is not there.
    func forEachEntry(_ range: Range<Int64>, _ body: (Int64, [UInt8]) throws -> Void) throws
    /// Counts over those entries of a range that belong to a period, sealed ones too. Entries that retention has removed are
    /// passed over: `beginning` says where they end.
    /// - Parameters:
    ///   - step: the length of the steps of time that attempts are counted by, in microseconds.
    ///   - bounds: how many sources are told apart, of those of which anybody can make more.
    ///   - progress: called once in a while with entries done and in all.
    func tally(
        _ range: Range<Int64>, of period: LedgerPeriod, step: Int64, bounds: LedgerTally.Bounds,
        progress: (_ done: Int64, _ of: Int64) -> Void
    ) throws -> LedgerTally
    /// Those of `sources` that an entry before `seq` names, as far back as entries can be read. Costs a look for each of them and
    /// each day and, where one is not found, a walk over all sealed entries before.
    func seen(_ sources: Set<IPAddress>, before seq: Int64) throws -> Set<IPAddress>

    /// Addresses of these blocks that entries name as their source, each once, of the newest days first. Of entries that are
    /// not sealed; those of the day on which `since` falls may be older than it.
    func sources(in blocks: [CIDRBlock], since: Instant, limit: Int) throws -> [IPAddress]

    /// The last entry that is sealed; -1: none is.
    func lastSealed() throws -> Int64

    // MARK: Drops

    /// Drops in these states, of any state when there are none, newest first, with a number below `before`.
    func drops(states: Set<DropState>, before: Int64?, limit: Int) throws -> [DropRecord]
    /// Released drops that nobody has acknowledged or taken, with a number above `seq`, oldest first; and of the same moment the
    /// numbers, ascending, of others above `seq` that may be released yet: drops are not released in the order of their numbers.
    /// - Parameters:
    ///   - waiting: how many that are still pending, of the first ones.
    ///   - away: how many that were withdrawn and may come again, of the newest ones. As a rule none comes, and they pile up.
    func released(
        above seq: Int64, limit: Int, waiting: Int, away: Int
    ) throws -> (released: [DropRecord], waiting: [Int64], away: [Int64])
    /// The drops of these entries that there are, in their order.
    func drops(seqs: [Int64]) throws -> [DropRecord]
    /// How many drops are in a state. Costs a look at each of them.
    func count(of state: DropState) throws -> Int64
    /// The drop with this id, or nil.
    func drop(id: String) throws -> DropRecord?
    /// The newest uploaded file that was given this path under `ready/`, or nil.
    func newestUpload(readyPath: String) throws -> DropRecord?
    /// Uploaded files that were given this path under `ready/`, the one that was released there last first. Not those that
    /// their senders took back.
    func uploads(readyPath: String, limit: Int) throws -> [DropRecord]
    /// Events that were given this path, or one below it, in the order of their entries: one, or those of a batch. Looks among the
    /// `LedgerLimits.batchSpan` drops whose entries have times from an instant on.
    func events(readyPath: String, acceptedFrom instant: Instant) throws -> [DropRecord]
    /// What the ledger keeps of a drop until it lies in `ready/`: a webhook's body, or a small upload; nil when it keeps nothing.
    func body(seq: Int64) throws -> [UInt8]?

    // MARK: What was signed

    /// The newest checkpoint, or nil.
    func newestCheckpoint() throws -> SignedCheckpoint?
    /// The oldest checkpoint of at least `size` entries, or nil.
    func checkpoint(covering size: Int64) throws -> SignedCheckpoint?
    /// How far each witness has come, by name.
    func witnessed() throws -> [WitnessedSize]
    /// Gives the tree as it stands, in one snapshot.
    func withTree<R>(_ body: (MerkleTree) throws -> R) throws -> R
}

package enum LedgerLimits {
    /// How many entries a ledger may have: more than anybody writes in centuries. Whatever has a higher number was put there by
    /// somebody, and is left out. Sums with numbers below it, and a hundred times one of them, fit into an `Int64`.
    package static let entries: Int64 = 1 << 53
    /// How many drops may have been accepted from the first event of a batch to its last one, at most.
    package static let batchSpan = 20_000
    /// How many bytes the bodies of drops may have that are read at once; one drop is read, however large it is.
    package static let pendingBytes = 32 << 20
}

/// How far a witness has come.
package struct WitnessedSize: Sendable, Hashable {
    package var name: String
    /// Entries of the newest checkpoint that it has.
    package var size: Int64
    package var time: Instant

    package init(name: String, size: Int64, time: Instant) {
        self.name = name
        self.size = size
        self.time = time
    }
}

extension LedgerReading {
    package func tally(_ range: Range<Int64>) throws -> LedgerTally {
        try tally(range, of: LedgerPeriod(), step: LedgerTally.day, progress: { _, _ in })
    }

    package func tally(
        _ range: Range<Int64>, of period: LedgerPeriod, step: Int64,
        progress: (_ done: Int64, _ of: Int64) -> Void
    ) throws -> LedgerTally {
        try tally(range, of: period, step: step, bounds: LedgerTally.Bounds(), progress: progress)
    }

    package func drops(states: Set<DropState> = [], limit: Int) throws -> [DropRecord] {
        try drops(states: states, before: nil, limit: limit)
    }
}

/// The half of sealing that needs no writer: old entries are copied to files, which later leave. The marks in between are
/// `LedgerOperation`s: `sealed`, `clearSealed`, `segmentRemoved`. Threads and errors as of `LedgerReading`.
package protocol LedgerSealing: Sendable {
    /// Segments of sealed entries, oldest first; removed ones too.
    func segments() throws -> [LedgerSegment]
    /// The next segment that could be sealed: `width` entries that are all there, with another one behind them. The newest
    /// entry is never sealed. nil when there is none.
    func nextSegment(width: Int64) throws -> (number: Int64, entries: Range<Int64>, lastTime: Instant)?
    /// By when the last of some entries had been written, whatever the clock said then, by what later entries say
    /// (`ClockReadings`); nil: none tells that yet. Where the clock was wrong it reads entries, all of these at least.
    /// - Parameters:
    ///   - entries: a segment's, sealed or not.
    ///   - lastTime: the time of the last of them.
    ///   - now: what the clock says now; it is taken to be right.
    func writtenBy(_ entries: Range<Int64>, lastTime: Instant, now: Instant) throws -> Instant?
    /// Whether a drop of these entries still waits to be released.
    func hasPendingDrops(_ entries: Range<Int64>) throws -> Bool
    /// Writes the segment's file, durable when it returns, and compares each entry with its recorded hash: what was altered is
    /// not sealed (`LedgerError(.forked)`).
    func writeSegment(_ number: Int64, _ entries: Range<Int64>) throws -> LedgerSegment
    /// Whether entries below `seq`, which are sealed, are in the store too.
    func hasUnclearedEntries(below seq: Int64) throws -> Bool
    /// Throws `LedgerError(.forked)` unless the file of a segment, its first and last entry and their recorded hashes agree with
    /// what the ledger says of it: its times above all, by which retention would remove it. Of one whose removal is recorded the
    /// entry that is to record it must do so.
    func requireUnaltered(_ segment: LedgerSegment) throws
    /// Removes the file of a segment whose removal is recorded. Throws as `requireUnaltered`, and leaves the file then.
    func removeFile(of segment: LedgerSegment) throws
}
