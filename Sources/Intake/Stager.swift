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
        /// A batch is on its way to `ready/` and to its marks.
        var isCompleting = false
        /// A batch failed on its way. Until `ready/` has recovered its receipts may tell of data that is not there.
        var mustRecover = false
        var whenIdle: [CheckedContinuation<Void, Never>] = []
        var whenMarked: [CheckedContinuation<Void, Never>] = []
    }

    private let staging: StagingArea
    private let store: any LedgerStore
    private let writer: LedgerWriter
    private let health: Health
    private let layout: Intake.Layout
    private let clock: @Sendable () -> Instant
    private let logger: Logger
    private let thread = PatientThread(label: "stager")
    private let state = Mutex(State())

    init(
        staging: StagingArea, store: any LedgerStore, writer: LedgerWriter, health: Health,
        layout: Intake.Layout, clock: @escaping @Sendable () -> Instant, logger: Logger
    ) {
        self.staging = staging
        self.store = store
        self.writer = writer
        self.health = health
        self.layout = layout
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
        await withCheckedContinuation { continuation in
            var isStopped = false
            run { state in
                isStopped = state.isStopped
                if !isStopped { state.whenIdle.append(continuation) }
            }
            if isStopped { continuation.resume() }
        }
    }

    /// Returns when everything that was finished so far is marked as released in the ledger, or the stager was
    /// stopped. Unlike `waitUntilIdle` it waits for nothing that comes later.
    func waitUntilMarked() async { await withCheckedContinuation { resumeWhenMarked($0) } }

    /// As `waitUntilMarked`: who is to be told is known when this returns.
    func resumeWhenMarked(_ continuation: CheckedContinuation<Void, Never>) {
        let isDone = state.withLock { state in
            guard !state.isStopped, state.isRunning, state.isCompleting || !state.uploads.isEmpty else {
                return true
            }
            state.whenMarked.append(continuation)
            return false
        }
        if isDone { continuation.resume() }
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
        for continuation in waiting { continuation.resume() }
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

    /// Stages until nothing is left; after a failure it waits a second and goes on.
    private func work() {
        do {
            try recover()
            loop: while true {
                switch try step() {
                case .idle: break loop
                case .more: continue
                case .gather:
                    thread.begin(after: Self.gathering) { self.work() }
                    break loop
                }
            }
            if health.clear(problem: "staging") { logger.notice("staging works again") }
        } catch {
            if health.set(
                problem: "staging",
                message: "what was accepted stays in the ledger, ready/ does not get it: \(error)")
            {
                logger.error(
                    "staging failed, what was accepted stays in the ledger and is tried again: \(error)")
            }
            // Whatever was in hand is read back from the store.
            let (late, isEnding) = state.withLock { state in
                state.events.failed()
                state.mayBeReleased = true
                state.mustRecover = true
                return (state.brake.release(), state.isEnding)
            }
            for accepted in late { accepted() }
            if isEnding { return stop() }
            thread.begin(after: .seconds(1)) { self.work() }
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
        defer { state.withLock { $0.isCompleting = false } }
        let events =
            switch work.events {
            case .nothing: [WebhookRelease]()
            case .events(let kept): kept.map(\.release)
            case .load(let seq): try load(after: seq)
            }
        if events.isEmpty, work.uploads.isEmpty { return becomeIdle() ? .idle : .more }
        try complete(events, work.uploads, asked: work.asked)
        return state.withLock {
            $0.whenIdle.isEmpty && $0.whenMarked.isEmpty && !$0.brake.holdsAnswers && !$0.events.fillsBatch
                ? .gather : .more
        }
    }

    /// Returns whether nothing is left.
    private func becomeIdle() -> Bool {
        let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
            guard state.events.isEmpty, state.uploads.isEmpty else { return nil }
            state.isRunning = false
            defer { (state.whenIdle, state.whenMarked) = ([], []) }
            return state.whenIdle + state.whenMarked
        }
        guard let waiting else { return false }
        for continuation in waiting { continuation.resume() }
        return true
    }

    /// - Parameter asked: how many wait for the marks of this batch or of one before it.
    private func complete(_ events: [WebhookRelease], _ uploads: [Released], asked: Int) throws {
        let now = clock()
        var done =
            switch layout {
            case .file: try staging.ready.release(events, now: now.description)
            case .ndjson: try staging.ready.releaseTogether(events, now: now.description)
            }
        if !uploads.isEmpty {
            try staging.ready.sync()
            done += uploads
        }
        try markInParts(done, uploads: uploads.count, at: now)
        areStaged(events.count)
        let marked = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            // `stop` may have let them go.
            let count = min(asked, state.whenMarked.count)
            defer { state.whenMarked.removeFirst(count) }
            return Array(state.whenMarked.prefix(count))
        }
        for continuation in marked { continuation.resume() }
    }

    private func areStaged(_ count: Int) {
        for accepted in state.withLock({ $0.brake.end(count) }) { accepted() }
    }

    /// Part by part, so that what senders wait for gets its turn in between. From the end: once the first event of a batch is marked,
    /// nothing leads from the others to their receipts.
    /// - Parameter uploads: so many at the end of `done` are the oldest of the uploads that wait. They are forgotten with their part,
    ///   also when a later one fails: a second mark could come after their sender has renamed them.
    private func markInParts(_ done: [Released], uploads: Int, at now: Instant) throws {
        let most = max(Self.smallestPart, (done.count + Self.mostParts - 1) / Self.mostParts)
        var (left, unmarked) = (done[...], uploads)
        while !left.isEmpty {
            let part = left.suffix(most)
            try mark(Array(part), at: now)
            left = left.dropLast(most)
            let marked = min(part.count, unmarked)
            if marked > 0 { state.withLock { $0.uploads.removeSubrange(unmarked - marked..<unmarked) } }
            unmarked -= marked
        }
    }

    /// In one transaction. Waits on the stager's own thread, of which it has the one: a batch is not done before its marks are, and
    /// nobody else needs the thread meanwhile.
    private func mark(_ done: [Released], at now: Instant) throws {
        let finished = DispatchSemaphore(value: 0)
        let failure = Mutex<(any Error)?>(nil)
        writer.submit(.released(done, at: now)) { result in
            if case .failure(let error) = result { failure.withLock { $0 = error } }
            finished.signal()
        }
        finished.wait()
        if let error = failure.withLock({ $0 }) { throw error }
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
        if !released.isEmpty {
            try mark(released.map { (id: $0.key, readyPath: $0.value) }, at: clock())
            areStaged(released.count)
        }
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

/// A webhook whose entry is durable. An object: many wait at times, and what waits is moved and copied with each batch.
final class CommittedEvent: Sendable {
    private let appended: LedgerAppend
    private let body: [UInt8]
    let entry: AppendedEntry
    private let record: DropRecord

    init(_ appended: LedgerAppend, body: [UInt8], entry: AppendedEntry, record: DropRecord) {
        self.appended = appended
        self.body = body
        self.entry = entry
        self.record = record
    }

    /// What it takes of memory, about: 20,000 events with bodies of 461 bytes took 3,193 bytes each.
    fileprivate var size: Int { body.count + 2800 }

    fileprivate var release: WebhookRelease {
        WebhookRelease(
            readyPath: record.readyPath, body: body,
            receipt: Receipt(AcceptedEntry(appended.attempt, entry), drop: record))
    }
}
