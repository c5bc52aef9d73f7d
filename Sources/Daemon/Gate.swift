// The running gate: opens what the settings say, runs it as one group of services, and records its start and stop.
// It decides nothing about attempts; receivers ask Intake.
package import Admission
import Audit
import Blocking
import Console
import Files
import Foundation
import Intake
import JSON
import Ledger
package import Logging
package import Management
import SFTPReceiver
import ServiceLifecycle
package import Settings
import UnixSignals
import Upkeep
import WebhookReceiver

package struct Gate: Sendable {
    private let settings: GateSettings
    private let policy: Policy
    private let hostKeys: HostKeyRecord?
    private let logger: Logger
    private let announce: @Sendable (String) -> Void

    /// - Parameters:
    ///   - hostKeys: that callers are shown, as they were just examined; nil where the gate takes no SFTP.
    ///   - announce: told in a line where each listener listens, and "ready".
    package init(
        settings: GateSettings, policy: Policy, hostKeys: HostKeyRecord?, logger: Logger,
        announce: @escaping @Sendable (String) -> Void
    ) {
        self.settings = settings
        self.policy = policy
        self.hostKeys = hostKeys
        self.logger = logger
        self.announce = announce
    }

    /// How long the witnesses get for the last checkpoint and the forwarders for the last entries, all together, when the
    /// gate stops. Whoever listens needs a few round trips and half a second (`SyslogStream`); whoever does not must not
    /// hold up a restart, nor have the gate killed by what started it (containers get 10 s). Nothing is lost by it:
    /// forwarding goes on from its position, and the next checkpoint covers the last one.
    private static let farewell = Duration.seconds(2)
    /// Looks into the ledger.
    private let reading = BlockingExecutor(label: "start", width: 1)

    /// Returns when the gate has ended after SIGTERM or SIGINT.
    package func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        umask(0o077)
        FileLimit.raise(logger)
        Allocator.returnLargeBlocks()
        try prepareDirectories()
        try await refuseSecondGate()
        let keepers = try LedgerWitnesses(settings)
        let keys = LedgerKeys(settings)
        // Without one the ledger is not even opened.
        _ = try keys.signer()
        let seen = try await keepers.seen { logger.warning("\($0)") }
        let intake = try Intake.open(
            settings.intake, policy: policy, logger: logger, seen: seen.checkpoints)
        // It begins such a file anew with its next checkpoint.
        for lack in try seen.lacks(intake.ledger.reader().witnessed()) { logger.warning("\(lack)") }
        if let settled = try keys.settleRotation() { logger.warning("\(settled)") }
        let key = try keys.signerInForce()
        let checkpointer = Checkpointer(
            intake, key: key, every: settings.ledger.checkpointEvery, archive: keepers.archive,
            witnesses: keepers.witnesses)
        warnOfEntries()
        let clock = ClockWatch(intake)
        // Before the start's entry: with it the ledger has the clock's time.
        let ages = AgeClock(intake, memory: .file(settings.layout.clockLeap))
        admitGroups(intake)
        let forwarding = try Forwarding(settings, intake: intake, logger: logger)
        GateFigures(intake: intake, ledger: intake.ledger).addAll()
        defer { logger.notice("stopped") }
        let group = serviceGroup
        // Before the start's entry: from it on a signal ends the gate in order and with an entry. Services that are still to be opened
        // then are not run.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            // What is forwarded includes the gate's stop, so forwarders end after all services.
            defer { tasks.cancelAll() }
            tasks.addTask { for await _ in signals { await group.triggerGracefulShutdown() } }
            do {
                try await recordStart(intake)
                await clock.look()
                for service in try await services(intake, checkpointer, forwarding, clock, ages) {
                    await group.addServiceUnlessShutdown(service)
                }
                for forwarder in forwarding.forwarders { tasks.addTask { await forwarder.run() } }
                try await group.run()
            } catch {
                await stop(intake, checkpointer, forwarding, error: error)
                throw error
            }
            await stop(intake, checkpointer, forwarding, error: nil)
        }
    }

    /// The ledger's lock keeps a second gate out, unless somebody has removed it: then that one would write the ledger before it finds
    /// that its ports are taken, and end the first one. Throws `LedgerError(.locked)`.
    private func refuseSecondGate() async throws {
        guard case .yes = await GatePresence.look(settings) else { return }
        throw LedgerError(
            .locked,
            "another process writes this ledger (a gate answers at \(settings.layout.controlSocket))",
            fix: "use that gate, or stop it first")
    }

    /// Without a service yet. Told to shut down, it takes none any more.
    private var serviceGroup: ServiceGroup {
        let none: [any Service] = []
        var configuration = ServiceGroupConfiguration(services: none, logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(60)
        return ServiceGroup(configuration: configuration)
    }

    // MARK: Parts

    private func services(
        _ intake: Intake, _ checkpointer: Checkpointer, _ forwarding: Forwarding, _ clock: ClockWatch,
        _ ages: AgeClock
    ) async throws -> [any Service] {
        let authority = LocalAuthority(settings, intake: intake, signing: checkpointer)
        var all: [any Service] = [
            ControlServer(
                path: settings.layout.controlSocket,
                authority: authority,
                state: { GateState(intake, forwarders: forwarding.states) }, health: intake.health,
                logger: logger, readers: settings.readers),
            PolicyReloader(patterns: settings.sourcePatterns, intake: intake, logger: logger),
            Retention(intake, ages: ages), checkpointer, clock, LedgerWatch(intake), try ContactWatch(intake),
            try Sealer(
                intake, sealAfter: settings.ledger.sealAfter, retain: settings.ledger.retain, ages: ages),
        ]
        var listeners: [AnnouncedListener] = []
        if let console = settings.console {
            let port = PortPromise()
            let service = Console(
                settings: console, tokens: tokens(console, intake), intake: intake,
                services: ConsoleServices(settings, authority: authority), logger: logger,
                details: { forwarding.details }
            ) { port.fulfil($0) }
            listeners.append(AnnouncedListener(name: "console", address: console.listen) { await port.value })
            all.append(NamedService("console on \(console.listen)", service))
        }
        if let webhook = settings.webhook {
            let service = WebhookReceiver(settings: webhook, intake: intake, logger: logger)
            listeners.append(
                AnnouncedListener(name: "webhook", address: webhook.listen) { try? await service.port })
            all.append(NamedService("webhook listener on \(webhook.listen)", service))
        }
        if let sftp = SFTPReceiver.Configuration(settings) {
            let name = "sftp listener on \(sftp.settings.listen)"
            let service: SFTPReceiver
            do {
                service = try await SFTPReceiver.open(sftp, intake: intake, logger: logger)
            } catch {
                let known = ManagementError.of(error)
                throw (known ?? ManagementError(.internalError, "\(error)", cause: error)).prefixed(by: name)
            }
            listeners.append(
                AnnouncedListener(name: "sftp", address: sftp.settings.listen) { Int(service.port) })
            all.append(NamedService(name, service))
        }
        all.append(Announcer(listeners: listeners, file: settings.layout.ports, announce: announce))
        return all
    }

    private func tokens(_ console: ConsoleSettings, _ intake: Intake) -> TokenBook {
        TokenBook(
            directory: settings.layout.tokens, own: console.token,
            report: { [logger] problems in
                guard !problems.isEmpty else {
                    intake.health.clear(problem: HealthProblem.tokens.rawValue)
                    return
                }
                for problem in problems { logger.error("token: \(problem)") }
                intake.health.set(
                    problem: HealthProblem.tokens.rawValue, message: problems.joined(separator: "; "))
            })
    }

    private func prepareDirectories() throws {
        guard try Presence.check(settings.state) else {
            throw ManagementError(
                .configuration, "the state directory \(settings.state) is not there",
                fix: "`dropgate init` makes it")
        }
        try GateDirectories.make(settings.layout.run)
        try GateDirectories.make(settings.layout.forward)
        try GateDirectories.make(settings.staging.path)
        try GateDirectories.make(settings.ledgerHandle.directory)
    }

    /// Without it the gate works as well; auditors and consumers do not.
    private func admitGroups(_ intake: Intake) {
        for access in GroupAccess.all {
            do throws(FileError) { try access.apply(settings) } catch {
                logger.warning("\(access.key): \(error)")
                intake.health.set(problem: access.key, message: error.message)
            }
        }
    }

    private func warnOfEntries() {
        let now = Instant.now()
        for entry in policy.entries where ["expired", "review overdue"].contains(entry.state(at: now)) {
            logger.warning("source entry \(entry.summary): \(entry.state(at: now))")
        }
    }

    // MARK: Start and stop

    private func recordStart(_ intake: Intake) async throws {
        var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
        if let hostKeys { await describe(hostKeys, in: &attempt, intake) }
        attempt.policy = intake.policy.version
        attempt.detail[KeptLists.promise] = true
        attempt.detail["version"] = .string("\(Product.name) \(Product.version)")
        var listeners: [String: JSONValue] = [:]
        for (name, address) in [
            ("webhook", settings.webhook?.listen), ("sftp", settings.sftp?.listen),
            ("console", settings.console?.listen),
        ] {
            listeners[name] = address.map { .string($0.description) }
        }
        attempt.detail["listeners"] = .object(listeners)
        let change = await changeSinceLastRun(intake, &attempt)
        try await intake.record(attempt)
        change?.log(to: logger)
    }

    /// Lists that were changed while no gate ran: the start is the entry of that change.
    private func changeSinceLastRun(_ intake: Intake, _ attempt: inout Attempt) async -> PolicyChange? {
        do {
            let new = intake.policy
            let last = try await reading.run {
                let history = PolicyHistory(try intake.ledger.reader(), intake.ledger.policies)
                return try history.last().map { (version: $0.version, policy: history.policy($0.version)) }
            }
            guard let last, last.version != new.version else { return nil }
            attempt.detail["from"] = .string(last.version)
            let old = try last.policy.get()
            let change = try await reading.run { PolicyChange(from: old, to: new, intake: intake) }
            attempt.detail.merge(change.detail) { $1 }
            return change
        } catch {
            logger.warning("what changed in the source lists since the gate ran last is not known: \(error)")
            return nil
        }
    }

    /// Says in the start's entry which host keys callers are shown, and when they differ from those of the last start.
    private func describe(_ now: HostKeyRecord, in attempt: inout Attempt, _ intake: Intake) async {
        attempt.detail[HostKeyRecord.member] = now.json
        do {
            let before = try await reading.run { try HostKeyRecord.shown(in: try intake.ledger.reader()) }
            guard let before, let change = now.change(from: before) else { return }
            attempt.detail[HostKeyRecord.beforeMember] = before.json
            attempt.detail["message"] = .string(change.text)
            logger.log(level: change.breaksCallers ? .warning : .notice, "\(change.text)")
        } catch {
            logger.warning("whether the host keys are those of the last start is not known: \(error)")
        }
    }

    /// The stop says again what the start has said, which may be sealed by now: the next start reads no sealed entries.
    private func stop(
        _ intake: Intake, _ checkpointer: Checkpointer, _ forwarding: Forwarding, error: (any Error)?
    ) async {
        var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .stopped)
        attempt.policy = intake.policy.version
        attempt.detail[HostKeyRecord.member] = hostKeys?.json
        if let error { attempt.detail["error"] = .string(UntrustedText.head("\(error)", limit: 512)) }
        do {
            try await intake.record(attempt)
        } catch {
            logger.error("the stop could not be recorded: \(error)")
        }
        await intake.close()
        // Each says itself what did not get through.
        try? await within(Self.farewell) {
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { await checkpointer.finish() }
                for forwarder in forwarding.forwarders { tasks.addTask { await forwarder.finish() } }
            }
        }
        // A thread that has just ended may hold the gate yet while the process ends.
        intake.closeLedger()
    }
}
