// The only way from a receiver to the ledger and to staging: admit a source, record an attempt, accept a drop.
// Receivers decide nothing by themselves and write nothing by themselves.
package import Admission
import Blocking
import Dispatch
import JSON
package import Ledger
package import Logging
package import Metering
package import Staging
import Synchronization

/// The gate's inside. One instance a process; it owns the ledger's writer and the staging directory.
package final class Intake: Sendable {
    /// What a sender may still do with a released file that nobody has taken.
    package enum AfterRelease: Sendable {
        /// Rename it, withdraw it.
        case change
        case refuse
    }

    /// How webhooks lie in `ready/`: one file an event, or one NDJSON file a batch.
    package enum Layout: Sendable { case file, ndjson }

    package struct Configuration: Sendable {
        package var node: String
        package var ledger: LedgerHandle
        package var stagingPath: String
        /// Who takes from staging beside this process's user.
        package var consumers: Consumers?
        /// Free bytes and inodes below which nothing is accepted.
        package var reserveBytes: Int64 = 1 << 30
        package var reserveInodes: Int64 = 1000
        package var layout = Layout.file
        package var retention = RetentionPeriods()
        /// How many events of unlisted sources are held in quarantine at most, and their bytes in all.
        package var mostHeldEvents = 1000
        package var mostHeldBytes: Int64 = 64 << 20
        /// How long an accepted upload waits before it is released, so that its sender may still rename or withdraw
        /// it; zero: it does not.
        package var settle = Duration.zero
        package var afterRelease = AfterRelease.change
        package var temporaryNames = TemporaryNames([])
        /// What one account may have in staging that nobody has taken: files and directories, and bytes.
        package var maxPendingNames = 100_000
        package var maxPendingBytes = Int64.max
        /// How long after a failure staging is tried again, and the release of a pulled drop; that one twice as long after each
        /// further failure.
        package var releaseRetry = Duration.seconds(1)

        package init(node: String, ledger: LedgerHandle, stagingPath: String) {
            self.node = node
            self.ledger = ledger
            self.stagingPath = stagingPath
        }
    }

    package let health: Health
    package let contacts = ContactMonitor()
    package let metrics = MetricRegistry()
    package let ownConnections = OwnConnections()
    let counters = AttemptCounters()
    let figures: IntakeFigures
    let ledgerHealth: LedgerHealth
    let staging: StagingArea
    let store: any LedgerStore
    let writer: LedgerWriter
    let stager: Stager
    package let logger: Logger
    let clock: @Sendable () -> Instant
    let configuration: Configuration
    let space: SpaceGuard
    private let policies: PoliciesInForce
    let held: Mutex<QuarantineQuota>
    /// Held events on which somebody is deciding: two do not decide on one.
    let deciding = Mutex<Set<String>>([])
    let flood = Mutex(FloodCoalescer())
    /// Fetched files that somebody is at, by their drop: being taken over, or thrown away.
    let fetchedInHand = Mutex<Set<String>>([])
    /// Withdrawn drops that could not be put away, or of which the ledger could not be told so; with the reason in their receipts. The
    /// ledger knows which they are, but to look there costs more the more drops were ever withdrawn, and each sweep would have to.
    let notAway = Mutex<[String: Reason]>([:])
    let isClosed = Atomic(false)
    let floodQueue = DispatchQueue(label: "intake.flood", qos: .utility)
    let takenCursors = Mutex(TakenCursors())
    /// Moves uploads into `ready/` and away, one after the other.
    let uploads = BlockingExecutor(label: "intake.uploads", width: 1)
    /// Look at the ledger for collectors.
    let readers = BlockingExecutor(label: "intake.readers", width: 4)
    /// Read what was fetched from another gate, as large as it is.
    let imports = BlockingExecutor(label: "intake.imports", width: 2)
    /// Keeps events of unlisted sources.
    let quarantining = BlockingExecutor(label: "intake.quarantine", width: 1)
    private let settling = BlockingExecutor(label: "intake.settling", width: 2)
    let boxes = SenderBoxes()
    /// Accounts whose uploads had no place in staging last.
    let unplaced = Mutex(UnplacedAccounts())
    /// Looks whether they have one again.
    let places = SideTask(label: "intake.places")
    /// Accounts whose directories could not be opened at the start: a crash may have left released files in their `claimed/`. Until those
    /// are back in `ready/` no file of such an account counts as taken (`TakenSweep`).
    let unrecovered = Mutex<Set<String>>([])
    let uploadSpace: UploadSpace
    let settler: Settler
    /// Of drops that were pulled.
    let retries: ReleaseRetries
    /// The time of the newest entry when the ledger was opened; nil: it had none.
    package let newestBefore: Instant?
    let sessions = Atomic<UInt64>(0)
    /// The milliseconds in the newest drop id that was given to a session.
    let lastDrop = Mutex<Int64>(0)

    /// Opens ledger and staging and completes what a crash left of uploads. Webhooks that are not yet staged
    /// follow in the background. `seen`: checkpoints that the ledger must extend before anything is appended.
    /// Throws `LedgerError` or `StagingError`.
    package static func open(
        _ configuration: Configuration, policy: Policy, logger: Logger,
        seen: [(checkpoint: Checkpoint, keeper: String)] = [],
        clock: @escaping @Sendable () -> Instant = { Instant.now() }
    ) throws -> Intake {
        let store = try configuration.ledger.open(node: configuration.node, extending: seen) {
            logger.notice("\($0)")
        }
        return try Intake(configuration, store: store, policy: policy, logger: logger, clock: clock)
    }

    /// A start makes `ready/` anew where it is gone, and then nothing shows any more that a consumer has not taken what was in it.
    private static func tellOfLostReady(_ staging: String, _ logger: Logger) {
        guard StagingMark.hasLostReady(staging) else { return }
        logger.warning(
            """
            \(staging)/\(StagingLayout.ready) was missing and is made anew: what was released into it counts as taken by its consumer; if it was moved \
            away, stop the gate and put it back
            """)
    }

    /// With a store of the caller's.
    package init(
        _ configuration: Configuration, store: any LedgerStore, policy: Policy, logger: Logger,
        clock: @escaping @Sendable () -> Instant
    ) throws {
        // Before anything is decided or recorded by it.
        try configuration.ledger.policies.keep(policy)
        self.configuration = configuration
        self.store = store
        self.logger = logger
        self.clock = clock
        let health = Health(clock: clock)
        self.health = health
        newestBefore = try store.lastTime()
        let mark = StagingMark.known(inLedgerDirectory: configuration.ledger.directory)
        try StagingMark.check(configuration.stagingPath, known: mark) {
            try configuration.ledger.reader().drops(limit: 1).isEmpty
        }
        Self.tellOfLostReady(configuration.stagingPath, logger)
        staging = try StagingArea(path: configuration.stagingPath, consumers: configuration.consumers)
        if try StagingMark.isGivenUp(known: mark) {
            // What lay there is lost, and nobody puts it back.
            for account in try Self.accountsOfPending(in: store) { _ = try staging.uploads(of: account) }
        }
        try StagingMark.keep(staging.root, known: mark)
        let figures = IntakeFigures(metrics)
        self.figures = figures
        let ledgerHealth = LedgerHealth(health: health, logger: logger)
        self.ledgerHealth = ledgerHealth
        writer = LedgerWriter(store: store, clock: clock) { commit in
            if case .success(let commit) = commit { figures.committed(commit) }
            ledgerHealth.ended(commit)
        }
        space = SpaceGuard(
            directories: [
                ("staging", staging.root), ("ledger", try Directory(path: configuration.ledger.directory)),
            ],
            reserveBytes: configuration.reserveBytes, reserveInodes: configuration.reserveInodes)
        uploadSpace = UploadSpace(
            directory: staging.root, reserveBytes: configuration.reserveBytes,
            reserveInodes: configuration.reserveInodes)
        settler = Settler(clock: clock)
        retries = ReleaseRetries(first: configuration.releaseRetry)
        policies = PoliciesInForce(policy, clock: clock)
        held = Mutex(
            QuarantineQuota(
                try Self.stillHeld(try staging.quarantinedEvents(), staging, store, logger)))
        stager = Stager(
            staging: staging, store: store, writer: writer, health: health, layout: configuration.layout,
            retry: configuration.releaseRetry, clock: clock, logger: logger)
        try recover()
        addFigures()
        flushEverySecond()
        try stager.start()
        settler.start { [weak self] account, drops in
            guard let self else { return }
            Task(executorPreference: settling) { await self.settle(drops, of: account) }
        }
        retries.start { [weak self] drop in
            guard let self else { return }
            Task(executorPreference: settling) { await self.releaseAgain(drop) }
        }
    }

    package var temporaryNames: TemporaryNames { configuration.temporaryNames }

    /// Whether uploads settle before they are released. Meanwhile a small one is best kept in the ledger; one that is released at
    /// once is a file anyway.
    package var settles: Bool { configuration.settle > .zero }

    /// The policy in force.
    package var policy: Policy { policies.inForce }
    /// Good lists that could not be put in force yet, or before bad ones came; whom they refuse is refused (`narrow`).
    package var comingPolicy: Policy? { policies.coming }

    /// Keeps a policy beside the ledger, durable when it returns: before the first entry that names it. Throws `LedgerError`.
    package func keep(_ policy: Policy) throws(LedgerError) { try ledger.policies.keep(policy) }

    /// From now on refuses what `policy` refuses, too, until it is put in force (`use`): a source that was taken off the lists
    /// does not wait for what has to be kept and recorded before. nil: nothing is to come any more.
    package func narrow(to policy: Policy?) { policies.narrow(to: policy) }

    /// Puts another policy in force, which is kept first. Recording the change is the caller's (`PolicyReloader`). Throws
    /// `LedgerError`; then the old one stays in force.
    package func use(_ policy: Policy) throws(LedgerError) {
        try keep(policy)
        policies.use(policy)
    }

    /// The moment, by the gate's one clock.
    package var now: Instant { clock() }

    /// Decides on a source by the policy in force, now, and by one that is to come, if that refuses.
    package func admit(_ resolution: Resolution, channel: Channel) -> Decision {
        policies.admit(resolution, channel: channel)
    }

    /// Decides again on who was let in before: lists change, and entries expire, while a body comes.
    package func admitAgain(_ decision: Decision, channel: Channel) -> Decision {
        policies.admitAgain(decision, channel: channel)
    }

    /// Whether anything can be accepted now: nil, or why not. Cheap enough for every request.
    package func checkSpace() -> IntakeError? {
        if case .exhausted(let message) = space.level {
            health.set(problem: "space", message: message)
            return IntakeError(.stagingFull, message, retryAfter: 60)
        }
        health.clear(problem: "space")
        return nil
    }

    /// Whether a webhook would be taken now. It looks, so that a problem of space ends by itself.
    package var accepts: Bool { checkSpace() == nil && !ledgerHealth.fails }

    /// The consumer is done with a drop. Returns false when there is no such released drop.
    /// - Parameter attempt: the entry that says so, written with the change or not at all; nil where there is one already.
    package func acknowledge(_ id: String, as attempt: Attempt? = nil) async throws(IntakeError) -> Bool {
        // A consumer sees a file before the ledger's mark of its release is made.
        waiting: while let record = try drop(id: id), record.state == .pending {
            switch await stager.waitForMark(orFound: record.incoming == nil) {
            case .mayCome: continue
            case .done: break waiting
            case .failed:
                // What failed may have been another part of the batch.
                if try drop(id: id)?.state == .pending { throw Self.releaseNotRecorded(id) }
            }
        }
        do {
            guard try await writer.acknowledge(id, as: attempt, at: clock()) else { return false }
        } catch {
            throw IntakeError.unwritable(error)
        }
        // It waits for nobody any more.
        boxes.forget(drop: id)
        return true
    }

    static func releaseNotRecorded(_ drop: String) -> IntakeError {
        IntakeError(
            .ledgerFailed,
            "the ledger does not say yet that drop \(drop) is released, because staging fails at present (`dropgate doctor` says why): "
                + "try again once it works", retryAfter: 30)
    }

    /// The ledger, to be read beside the writer.
    package var ledger: LedgerHandle { configuration.ledger }
    package var stagingPath: String { configuration.stagingPath }

    /// A drop as the ledger has it now.
    package func drop(id: String) throws(IntakeError) -> DropRecord? {
        do { return try store.drop(id: id) } catch { throw IntakeError.unreadable(error) }
    }

    /// The time of the ledger's newest entry, which may lie ahead of the clock after that was set back; nil before the first.
    package func ledgerTime() throws -> Instant? { try store.lastTime() }

    /// How many uploads lie in quarantine. Looks at each account's.
    package func quarantinedUploads() throws -> Int { try staging.quarantinedUploads() }

    /// The number of the ledger's entries.
    package func ledgerSize() throws -> Int64 { try store.size() }

    /// What the upkeep of the ledger may have written, beside entries.
    package enum LedgerUpkeep: Sendable {
        /// A witness has taken a checkpoint of so many entries.
        case witnessed(name: String, size: Int64, at: Instant)
        case sealed(LedgerSegment)
        /// Takes sealed entries below a number out of the database, at most so many.
        case clearSealed(below: Int64, limit: Int)
        /// With the entry that records it.
        case segmentRemoved(LedgerSegment)
    }

    @discardableResult
    package func carryOut(_ upkeep: LedgerUpkeep) async throws -> LedgerOutcome {
        let operation: LedgerOperation =
            switch upkeep {
            case .witnessed(let name, let size, let time): .witnessed(name: name, size: size, at: time)
            case .sealed(let segment): .sealed(segment)
            case .clearSealed(let number, let limit): .clearSealed(below: number, limit: limit)
            case .segmentRemoved(let segment): .segmentRemoved(segment)
            }
        return try await writer.commit(operation)
    }

    /// Signs the ledger through this intake's writer.
    package func checkpointSigner(key: NoteSigner, archive: CheckpointFile) -> CheckpointSigner {
        CheckpointSigner(writer, key: key, archive: archive)
    }

    /// Returns when everything committed so far lies in `ready/`.
    package func waitUntilStaged() async { await stager.waitUntilIdle() }

    /// Writes what is still counted and returns when it is durable. Nothing may be accepted afterwards.
    package func close() async {
        isClosed.store(true, ordering: .releasing)
        flushFlood(all: true)
        // What settles is released after the next start.
        settler.stop()
        retries.stop()
        await places.end()
        // The writer works in order: when this one is done, all before it are.
        _ = try? await writer.commit(.released([], at: clock()))
        await stager.finish()
    }

    /// After `close`, and the last use of all: the ledger is one file again. Whoever still asks for what it has gets an error.
    package func closeLedger() { store.close() }
}
