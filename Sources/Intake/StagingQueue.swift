// What is released next: what is kept in memory, or what is in the ledger's store alone. Pure.

/// Committed events on their way to staging. As many are kept in memory as there is room for; the others are read back from
/// the store. Events are offered in the order of the ledger.
struct StagingQueue<Event> {
    struct Limits {
        /// Of one batch: events, and their bytes; one event may have more.
        var batch: Int
        var batchBytes: Int
        /// Of what is kept in memory.
        var bytes: Int
    }

    enum Work {
        case nothing
        case events([Event])
        /// A page of pending events with higher numbers than this is to be read from the store; `loaded` takes what was found.
        case load(after: Int64)
    }

    private struct Kept {
        var seq: Int64
        var bytes: Int
        var event: Event
    }

    private let limits: Limits
    private var kept: [Kept] = []
    private var bytes = 0
    /// Some pending events are in the store alone.
    private(set) var mustLoad = true
    /// Every event is kept that was offered since the last load began: what is in the store alone is older. Else it is younger
    /// than what is kept.
    private var keepsAll = true
    /// Every pending event up to this one was read from the store. An offer that comes later than that (commit and offer are two
    /// steps) must not be staged a second time.
    private var loadedThrough: Int64 = -1
    /// Where the next page begins. Not every drop that is pending in the store is an event.
    private var nextPage: Int64 = -1

    init(limits: Limits) { self.limits = limits }

    var isEmpty: Bool { kept.isEmpty && !mustLoad }

    /// Whether what is kept is enough for a whole batch.
    var fillsBatch: Bool { kept.count >= limits.batch || bytes >= limits.batchBytes }

    mutating func offer(_ event: Event, seq: Int64, bytes size: Int) {
        guard seq > loadedThrough else { return }
        guard keepsAll, bytes + size <= limits.bytes else {
            if !mustLoad { load() }
            keepsAll = false
            return
        }
        kept.append(Kept(seq: seq, bytes: size, event: event))
        bytes += size
    }

    /// The oldest first.
    mutating func next() -> Work {
        if mustLoad, keepsAll || kept.isEmpty {
            keepsAll = true
            return .load(after: nextPage)
        }
        if kept.isEmpty { return .nothing }
        var (count, size) = (0, 0)
        while count < min(kept.count, limits.batch),
            count == 0 || size + kept[count].bytes <= limits.batchBytes
        {
            size += kept[count].bytes
            count += 1
        }
        defer { remove(count) }
        return .events(kept[..<count].map(\.event))
    }

    /// - Parameter last: the last drop of a page from the store, whose events are no longer this queue's; nil: the page is empty.
    mutating func loaded(through last: Int64?) {
        nextPage = last ?? -1
        loadedThrough = max(loadedThrough, nextPage)
        let known = kept.prefix { $0.seq <= loadedThrough }.count
        remove(known)
        // Where the page meets what is kept, nothing is between them.
        if keepsAll, last == nil || known > 0 { mustLoad = false }
    }

    /// What was taken was not released: all of it is in the store.
    mutating func failed() {
        remove(kept.count)
        load()
        keepsAll = true
    }

    private mutating func load() {
        mustLoad = true
        nextPage = -1
    }

    private mutating func remove(_ count: Int) {
        bytes -= kept[..<count].reduce(0) { $0 + $1.bytes }
        kept.removeFirst(count)
    }
}
