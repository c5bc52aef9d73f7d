// Projects the ledger into staging: writes committed webhooks into `ready/`, makes released uploads durable,
// and then marks both in the ledger. Off every answer's path, on a thread of its own that yields to the others.
import Admission
import Blocking
import Dispatch
import Ledger
import Logging
import Staging
import Synchronization

/// The one that completes drops. What it cannot hold in memory it reads back from the ledger's store.
final class Stager: Sendable {
    private typealias Released = (id: String, readyPath: String)
    /// What somebody hears who waits for a mark.
    enum Marking: Sendable {
        /// It is made, or none is on its way.
        case done
        /// It was not among the pending events of this page, but may be among those of another.
        case mayCome
        /// It could not be made. The stager tries again, for as long as that takes.
        case failed
    }
    typealias Waiter = CheckedContinuation<Marking, Never>

    /// A batch costs several syncs however small it is, so it takes what there is. What a crash leaves of one is read at once.
    static let limits = StagingQueue<CommittedEvent>.Limits(
        batch: 4096, batchBytes: 16 << 20, bytes: 64 << 20)
    /// How long it rests before each batch while nobody waits for it and less than a batch is there: a batch costs processor time
    /// and a sync of the filesystem, and the answers to senders come first. What piles up meanwhile is durable already.
    static let gathering = DispatchTimeInterval.milliseconds(100)
    /// How a batch is marked in the ledger: in so many transactions at most, each of so many drops at least (the last one may have
    /// fewer). Large ones delay those who send; small ones cost a sync each where nobody sends.
    static let mostParts = 8
    static let smallestPart = 128
    /// How many committed webhooks may wait for staging before answers wait, too: senders are not to be faster for long than
    /// what they send can be passed on.
    static let mostWaiting = 100_000

    private struct State {
        /// Committed webhooks that are not yet in `ready/`.
        var events = StagingQueue<CommittedEvent>(limits: Stager.limits)
        /// Pending webhooks of the store may be in `ready/` already: a gate before this one, or a batch that failed, may have
        /// released them without their marks. Their receipts say so.
        var mayBeReleased = true
        /// Of all committed webhooks that are not yet in `ready/`, those too that are in the store alone.
        var brake = AnswerBrake(limit: Stager.mostWaiting)
        /// Uploads that were renamed into `ready/` and wait for their durability mark.
        var uploads: [Released] = []
        var isRunning = false
        var isStopped = false
        /// The gate ends when nothing is left, or at the next failure.
        var isEnding = false
        /// A batch is on its way to `ready/` and to its marks; one that fails, until it is known for one that may be released.
        var isCompleting = false
        /// A batch failed on its way. Until `ready/` has recovered its receipts may tell of data that is not there.
        var mustRecover = false
        var whenIdle: [Waiter] = []
        var whenMarked: [Waiter] = []
    }

    private let staging: StagingArea
    private let store: any LedgerStore
    private let writer: LedgerWriter
    private let health: Health
    private let layout: Intake.Layout
    /// How long it rests after a failure.
    private let retry: DispatchTimeInterval
    private let clock: @Sendable () -> Instant
    private let logger: Logger
    private let thread = PatientThread(label: "stager")
    private let state = Mutex(State())

    init(
        staging: StagingArea, store: any LedgerStore, writer: LedgerWriter, health: Health,
        layout: Intake.Layout, retry: Duration, clock: @escaping @Sendable () -> Instant, logger: Logger
    ) {
        self.staging = staging
        self.store = store
        self.writer = writer
        self.health = health
        self.layout = layout
        self.retry = .milliseconds(Int((retry / .milliseconds(1)).rounded(.up)))
        self.clock = clock
        self.logger = logger
    }

    /// Begins with whatever the store holds as pending. Throws `LedgerError`.
    func start() throws {
        let pending = try store.pendingEvents()
        run { $0.brake.add(pending) }
    }

    /// Committed webhooks that are not yet in `ready/`. One may be staged, out of the store, before it is offered.
    var waiting: Int { state.withLock { max(0, $0.brake.waiting) } }

    /// - Parameter accepted: called once, when its sender may be told: now, or after a while when too many wait.
    func offer(_ event: CommittedEvent, accepted: @escaping @Sendable () -> Void) {
        var isInTime = true
        run { state in
            isInTime = state.brake.begin(accepted)
            state.events.offer(event, seq: event.entry.seq, bytes: event.size)
        }
        if isInTime { accepted() }
    }

    func finish(upload id: String, readyPath: String) {
        run { $0.uploads.append((id, readyPath)) }
    }

    /// Returns when nothing is left to stage, or the stager was stopped.
    func waitUntilIdle() async {
        _ = await withCheckedContinuation { (waiter: Waiter) in
            var isStopped = false
            run { state in
                isStopped = state.isStopped
                if !isStopped { state.whenIdle.append(waiter) }
            }
            if isStopped { waiter.resume(returning: .done) }
        }
    }

    /// Returns when everything that was finished so far is marked as released in the ledger, the stager was stopped, or a batch has
    /// failed: nobody waits for as long as staging does not work. Unlike `waitUntilIdle` it waits for nothing that comes later.
    /// - Parameter orFound: for who has seen an event in `ready/`. It may be of a batch that was never marked: those are found as the
    ///   pending events are read from the store, a page at a time, and after each of them this returns.
    func waitForMark(orFound isEvent: Bool = false) async -> Marking {
        await withCheckedContinuation { resumeWhenMarked($0, orFound: isEvent) }
    }

    /// As `waitForMark`: who is to be told is known when this returns.
    func resumeWhenMarked(_ waiter: Waiter, orFound isEvent: Bool = false) {
        let isDone = state.withLock { state in
            let mayBeMarked =
                state.isCompleting || !state.uploads.isEmpty || isEvent && state.mayBeReleased
            guard !state.isStopped, state.isRunning, mayBeMarked else { return true }
            state.whenMarked.append(waiter)
            return false
        }
        if isDone { waiter.resume(returning: .done) }
    }

    /// Stages what is left and ends; where staging does not work, without that.
    func finish() async {
        state.withLock { $0.isEnding = true }
        await waitUntilIdle()
        stop()
    }

    /// Ends after the batch in hand. What is left is completed at the next start.
    func stop() {
        let (waiting, late) = state.withLock { state in
            state.isStopped = true
            defer { (state.whenIdle, state.whenMarked) = ([], []) }
            return (state.whenIdle + state.whenMarked, state.brake.release())
        }
        for waiter in waiting { waiter.resume(returning: .done) }
        for accepted in late { accepted() }
    }

    private func run(_ change: (inout State) -> Void) {
        let mustStart = state.withLock { state in
            change(&state)
            guard !state.isStopped, !state.isRunning else { return false }
            state.isRunning = true
            return true
        }
        if mustStart { thread.begin(after: Self.gathering) { self.work() } }
    }

    private enum Progress { case idle, more, gather }

    /// Stages until nothing is left; after a failure it waits (`retry`) and goes on.
    private func work() {
        do {
            loop: while true {
                let progress = try step()
                state.withLock { $0.isCompleting = false }
                switch progress {
                case .idle: break loop
                case .more: continue
                case .gather:
                    thread.begin(after: Self.gathering) { self.work() }
                    break loop
                }
            }
            if health.clear(problem: "staging") { logger.notice("staging works again") }
        } catch {
            // Whatever was in hand is read back from the store.
            let (late, waiting, isEnding) = state.withLock { state in
                state.events.failed()
                state.isCompleting = false
                state.mayBeReleased = true
                state.mustRecover = true
                defer { state.whenMarked = [] }
                return (state.brake.release(), state.whenMarked, state.isEnding)
            }
            if health.set(
                problem: "staging",
                message: "what was accepted stays in the ledger and does not get to ready/: \(error)")
            {
                logger.error(
                    "staging failed, what was accepted stays in the ledger and is tried again: \(error)")
            }
            for accepted in late { accepted() }
            for waiter in waiting { waiter.resume(returning: .failed) }
            if isEnding { return stop() }
            thread.begin(after: retry) { self.work() }
        }
    }

    /// Finishes or throws away what a failure has left on its way, before the receipts are asked what was released.
    private func recover() throws {
        guard state.withLock({ $0.mustRecover }) else { return }
        try staging.ready.recover()
        state.withLock { $0.mustRecover = false }
    }

    /// One batch. `.idle`: nothing is left to do, and the stager is marked as not running.
    private func step() throws -> Progress {
        let work = state.withLock {
            state -> (events: StagingQueue<CommittedEvent>.Work, uploads: [Released], asked: Int)? in
            if state.isStopped { state.isRunning = false; return nil }
            state.isCompleting = true
            // Who asks from now on may mean what comes after this batch.
            return (state.events.next(), state.uploads, state.whenMarked.count)
        }
        guard let work else { return .idle }
        // First, so that what is wrong with the events' directories keeps no upload from its mark.
        if !work.uploads.isEmpty { try complete(work.uploads) }
        try recover()
        let events =
            switch work.events {
            case .nothing: [WebhookRelease]()
            case .events(let kept): kept.map(\.release)
            case .load(let seq): try load(after: seq)
            }
        if events.isEmpty, work.uploads.isEmpty, becomeIdle() { return .idle }
        try complete(events)
        tell(work.asked)
        // A page of which all was released already, or something came at the last moment.
        if events.isEmpty, work.uploads.isEmpty { return .more }
        return state.withLock {
            $0.whenIdle.isEmpty && $0.whenMarked.isEmpty && !$0.brake.holdsAnswers && !$0.events.fillsBatch
                ? .gather : .more
        }
    }

    /// Returns whether nothing is left.
    private func becomeIdle() -> Bool {
        let waiting = state.withLock { state -> [Waiter]? in
            guard state.events.isEmpty, state.uploads.isEmpty else { return nil }
            state.isRunning = false
            defer { (state.whenIdle, state.whenMarked) = ([], []) }
            return state.whenIdle + state.whenMarked
        }
        guard let waiting else { return false }
        for waiter in waiting { waiter.resume(returning: .done) }
        return true
    }

    private func complete(_ uploads: [Released]) throws {
        try staging.ready.sync()
        // Each part is forgotten with its mark, also when a later one fails: a second mark could come after its sender has renamed it.
        try markInParts(uploads, at: clock()) { part in
            state.withLock { $0.uploads.removeSubrange(part) }
        }
    }

    private func complete(_ events: [WebhookRelease]) throws {
        if events.isEmpty { return }
        let now = clock()
        let done =
            switch layout {
            case .file: try staging.ready.release(events, now: now.description)
            case .ndjson: try staging.ready.releaseTogether(events, now: now.description)
            }
        try markInParts(done, at: now)
    }

    /// - Parameter asked: how many wait for the marks of this batch or of one before it.
    private func tell(_ asked: Int) {
        let (marked, marking) = state.withLock { state -> ([Waiter], Marking) in
            // `stop` may have let them go.
            let count = min(asked, state.whenMarked.count)
            defer { state.whenMarked.removeFirst(count) }
            return (Array(state.whenMarked.prefix(count)), state.mayBeReleased ? .mayCome : .done)
        }
        for waiter in marked { waiter.resume(returning: marking) }
    }

    /// Part by part, so that what senders wait for gets its turn in between. From the end: once the first event of a batch is marked,
    /// nothing leads from the others to their receipts.
    /// - Parameter marked: told which of them were marked, after each part.
    private func markInParts(_ done: [Released], at now: Instant, marked: (Range<Int>) -> Void = { _ in })
        throws
    {
        let most = max(Self.smallestPart, (done.count + Self.mostParts - 1) / Self.mostParts)
        var left = done[...]
        while !left.isEmpty {
            let part = left.suffix(most)
            try mark(Array(part), at: now)
            marked(part.indices)
            left = left.dropLast(most)
        }
    }

    /// In one transaction; what was pending until now waits no more. Waits on the stager's own thread, of which it has the one: a batch
    /// is not done before its marks are, and nobody else needs the thread meanwhile.
    private func mark(_ done: [Released], at now: Instant) throws {
        let finished = DispatchSemaphore(value: 0)
        let outcome = Mutex(Result<LedgerOutcome, any Error>.success(.changed(false)))
        writer.submit(.released(done, at: now)) { result in
            outcome.withLock { $0 = result }
            finished.signal()
        }
        finished.wait()
        // Part of a batch that failed, or that a gate before this one has released, may have been marked then.
        guard case .released(let events, _) = try outcome.withLock(\.self).get() else { return }
        for accepted in state.withLock({ $0.brake.end(events) }) { accepted() }
    }

    /// A page of pending webhooks from the store. Those that were released already are only marked.
    private func load(after seq: Int64) throws -> [WebhookRelease] {
        let pending = try store.pendingDrops(after: seq, limit: Self.limits.batch)
        let mayBeReleased = state.withLock { state in
            state.events.loaded(through: pending.last?.record.seq)
            defer { if !state.events.mustLoad { state.mayBeReleased = false } }
            return state.mayBeReleased
        }
        var events: [WebhookRelease] = []
        var released: [String: String] = [:]
        for drop in pending {
            guard let body = drop.body else { continue }
            if mayBeReleased, try isReleased(drop.record, &released) { continue }
            let receipt = try Receipt(AcceptedEntry(drop.entry), drop: drop.record)
            events.append(WebhookRelease(readyPath: drop.record.readyPath, body: body, receipt: receipt))
        }
        if !released.isEmpty { try mark(released.map { (id: $0.key, readyPath: $0.value) }, at: clock()) }
        return events
    }

    /// - Parameter released: where those that are known to be released lie, by their drops. With the first event of a batch come all
    ///   others, also those of later pages: they have to be marked with it.
    private func isReleased(_ record: DropRecord, _ released: inout [String: String]) throws -> Bool {
        if released[record.id] != nil { return true }
        if let batch = BatchName(first: record.id, readyPath: record.readyPath),
            let receipts = try staging.ready.receipts(of: batch)
        {
            for (drop, receipt) in receipts { released[drop] = StagingLayout.readyPath(ofFile: receipt.file) }
            if released[record.id] != nil { return true }
        }
        guard let receipt = try staging.ready.receipt(record.id),
            let place = StagingLayout.readyPath(ofFile: receipt.file)
        else { return false }
        released[record.id] = place
        return true
    }
}
