// What a ledger must be able to do, whatever keeps it: the seam for another database (design section 10).
// Every implementation passes the conformance suite in Tests/LedgerTests. The store knows nothing of waiting
// callers; `LedgerWriter` groups their operations.
package import Admission

/// What keeps a ledger, for the process that holds its lock.
///
/// - **Threads**: `commit` is called by one thread at a time (`LedgerWriter`), and may be called on different ones. All other
///   methods may be called by any thread, beside a commit; they may wait for it. Every call blocks.
/// - **Order**: entries are numbered from 0 without a gap, in the order of the operations; their times rise strictly. What a
///   commit has returned is what every later read sees.
/// - **Clock**: an entry whose time is ahead of `now`, because the clock was set back, tells `now` beside it (`clock`), and
///   `LedgerReading.clockSetBacks` names it.
/// - **Durability**: a commit that has returned survives a crash of the process and of the machine. One that throws has left
///   nothing behind.
/// - **Errors**: `LedgerError`, `.unwritable` from a commit and `.unreadable` from a read.
package protocol LedgerStore: AnyObject, Sendable {
    /// Carries out all operations in one durable transaction: all of them or, when it throws, none.
    func commit(_ operations: [LedgerOperation], now: Instant) throws -> [LedgerOutcome]

    /// Throws `LedgerError` where this process may not write: `.unwritable` where what it has open is not what others find in the ledger's
    /// place, so that what it writes would be lost; `.outrun` for good, once another process has written. Cheap; a commit looks first,
    /// too.
    func requireInPlace() throws

    /// Whether what this process has locked is still what others ask for. The next commit sets that right, or throws `.locked`.
    var hasLock: Bool { get }

    /// The number of entries.
    func size() throws -> Int64

    /// The time of the newest entry; nil for an empty ledger. It may lie ahead of the clock, after that was set back.
    func lastTime() throws -> Instant?

    /// The root of the Merkle tree over the first `size` entries; `size` of the ledger or less.
    func root(size: Int64) throws -> MerkleHash

    /// Drops that are committed and not released, oldest first, with a seq above `after`: at most `limit`, and no more once their
    /// bodies have `LedgerLimits.pendingBytes`. Empty only when there is none. One that was released and is pending again may have
    /// an entry that was sealed meanwhile.
    func pendingDrops(after seq: Int64, limit: Int) throws -> [PendingDrop]
    /// As `pendingDrops`, uploads alone: however many events wait, none of their bodies is read.
    func pendingUploads(after seq: Int64, limit: Int) throws -> [PendingDrop]
    /// Where the bytes of committed and unreleased uploads lie (`DropRecord.incoming`), without anything else of them.
    func pendingUploadPaths() throws -> [String]
    /// What the store keeps of the drop with this number until it is released: a webhook's body, or a small upload; nil when it
    /// keeps nothing of it.
    func body(seq: Int64) throws -> [UInt8]?

    /// How many webhooks are committed and not released.
    func pendingEvents() throws -> Int

    /// Drops in this state, oldest first, with a seq above `after`.
    func drops(in state: DropState, after seq: Int64, limit: Int) throws -> [DropRecord]

    /// Drops that have been in this state since before `instant`, those that came to it first, and those of one moment by
    /// their seq; only those behind `after` in that order. Costs what it gives, however many are in the state.
    func drops(
        _ end: DropEnd, before instant: Instant, after drop: DropRecord?, limit: Int
    ) throws -> [DropRecord]

    /// Drops in this state, which is another one than released, newest first.
    func newestDrops(in state: DropState, limit: Int) throws -> [DropRecord]

    /// The drop with this id, or nil.
    func drop(id: String) throws -> DropRecord?

    /// The newest uploaded file that was given this path under `ready/`, or nil. Names come back: once a file
    /// was taken, the next one of that name gets the same path.
    func newestUpload(readyPath: String) throws -> DropRecord?

    /// The newest uploaded files that were given these paths, with their entries' canonical bytes; nil of one whose entry was sealed,
    /// which is in no hurry to be read (`entry`). A path without a file is left out.
    func newestUploads(readyPaths: [String]) throws -> [(record: DropRecord, entry: [UInt8]?)]

    /// The canonical bytes of an entry, also of one that was sealed; nil when there is none of this number, or none any more.
    func entry(seq: Int64) throws -> [UInt8]?

    /// Withdrawn drops whose bytes are not known to be in quarantine, oldest first.
    func withdrawnDrops() throws -> [(record: DropRecord, entry: [UInt8])]

    /// The last use of a store: it brings everything into the one file, unless somebody is reading. Every later call fails. Without it
    /// that is done when the last who holds the store lets go of it, or when the ledger is opened the next time.
    func close()
}
