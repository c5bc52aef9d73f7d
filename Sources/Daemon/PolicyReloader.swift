// Takes changed source lists over while the gate runs: each second when a file changed, and on SIGHUP. A bad
// reload keeps the old policy (and still refuses whom good lists before it refuse that could not be recorded), and says so
// to log, ledger and health; a good one writes its difference, who is refused from now on, and that the lists are good again.
package import Admission
import Blocking
package import Files
import Foundation
package import Intake
import JSON
import Ledger
package import Logging
import ServiceLifecycle
package import Settings
import Synchronization
import UnixSignals

package final class PolicyReloader: Service {
    /// The name of the problem in health.
    package static let problem = "sources"
    /// The subject for a list that somebody still has open.
    private static let unfinished = "unfinished"

    /// The policy of these files.
    package typealias Load = @Sendable (FoundFiles) -> Result<Policy, SettingsErrors>

    package static let read: Load = { files in
        Result { () throws(SettingsErrors) in try PolicyLoader.load(files: files, isForGate: true) }
    }

    private let patterns: [String]
    private let intake: Intake
    private let logger: Logger
    private let load: Load
    /// It looks at files and reads them.
    private let executor = BlockingExecutor(label: "policy reloader", width: 1)

    private struct Seen {
        /// As they were at the last look; nil before the first.
        var files: [String: FileSignature?]?
        /// As they were when they were last read; nil before the first look, which therefore reads them: a list may
        /// have changed since the start did.
        var read: [String: FileSignature?]?
        /// Those that changed since lists were put in force last: who changed them stands in the entry.
        var changed: Set<String> = []
        /// Why they could not be put in force; while it stands, they are tried again.
        var problems: [String] = []
        /// Whether the ledger has the entry of bad lists with these problems; until then it is tried again.
        var areRecorded = false
        /// Looks in a row at which a changed list was being written.
        var unfinished = 0
    }

    private let seen = Mutex(Seen())
    private let writers = WriterWatch()
    /// A list that takes longer to write than this many looks is a problem that somebody should know of.
    private static let longestWrite = 30

    /// `patterns` are absolute; files that come to match them later are lists too.
    package init(
        patterns: [String], intake: Intake, logger: Logger,
        load: @escaping Load = PolicyReloader.read
    ) {
        self.load = load
        self.patterns = patterns
        self.intake = intake
        self.logger = logger
    }

    /// What asks for a look. One task takes them in turn: two reloads at once could leave the older in force.
    private enum Trigger: Sendable { case second, hangUp }

    package func run() async throws {
        // Before the first look: a signal that came earlier was ignored (`ServeCommand`), and that look is what it asked for.
        let hangUps = await UnixSignalsSequence(trapping: .sighup)
        let (triggers, trigger) = AsyncStream.makeStream(of: Trigger.self)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await cancelWhenGracefulShutdown {
                    while !Task.isCancelled {
                        trigger.yield(.second)
                        try? await Task.sleep(for: .seconds(1))
                    }
                }
                trigger.finish()
            }
            group.addTask {
                for await _ in hangUps.cancelOnGracefulShutdown() { trigger.yield(.hangUp) }
            }
            await withTaskExecutorPreference(executor) {
                for await trigger in triggers { await look(isAsked: trigger == .hangUp) }
            }
        }
    }

    /// Reloads when a list has changed, come or gone since the last look, or when it is asked for. What has changed must
    /// stay as it is from one look to the next, and nobody may have it open who changed it: a list that is still being
    /// written is none yet.
    package func look(isAsked: Bool = false) async {
        let files = PolicyLoader.files(patterns)
        let signatures = Dictionary(
            files.map { ($0, FileSignature(path: $0)) }, uniquingKeysWith: { first, _ in first })
        let unfinished = writers.unfinished(Array(files))
        let (isDue, isHeld) = seen.withLock { seen -> (Bool, Bool) in
            let isStill = (seen.files == signatures && unfinished.isEmpty) || seen.files == nil
            let isNew = seen.read != signatures || !seen.problems.isEmpty
            seen.files = signatures
            seen.unfinished = isNew && !unfinished.isEmpty ? seen.unfinished + 1 : 0
            guard isAsked || (isNew && isStill) else {
                return (false, seen.unfinished >= Self.longestWrite)
            }
            if let read = seen.read { seen.changed.formUnion(Self.changes(from: read, to: signatures)) }
            seen.read = signatures
            return (true, false)
        }
        tell(heldOpen: isHeld ? unfinished.first : nil)
        if isDue { await reload(files, isAsked: isAsked) }
    }

    /// Says that a list has waited for long for whoever has it open; nil: that none does.
    private func tell(heldOpen file: String?) {
        guard let file else {
            intake.health.clear(problem: Self.problem, of: Self.unfinished)
            return
        }
        let message =
            "\(file) was changed by a process that still has it open, so the lists stay as they were; "
            + "SIGHUP applies it as it is"
        if intake.health.set(problem: Self.problem, of: Self.unfinished, message: message) {
            logger.warning("\(message)")
        }
    }

    private static func changes(
        from old: [String: FileSignature?], to new: [String: FileSignature?]
    ) -> [String] {
        Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }
    }

    /// Whose the lists are that changed, and since when.
    private var origins: [FileOrigin] {
        seen.withLock(\.changed).sorted().compactMap { FileOrigin(path: $0) }
    }

    /// Reads the lists and puts them in force if they are good.
    /// - Parameter files: those of the look: one that has come since might be half written.
    private func reload(_ files: FoundFiles, isAsked: Bool) async {
        do throws(SettingsErrors) {
            await putInForce(try load(files).get(), isAsked: isAsked)
        } catch {
            await refuse(error, isAsked: isAsked)
        }
    }

    private func putInForce(_ policy: Policy, isAsked: Bool) async {
        let old = intake.policy
        let origins = origins
        let isMended = seen.withLock { !$0.problems.isEmpty }
        guard policy.version != old.version else {
            intake.narrow(to: nil)
            seen.withLock { seen in
                seen.problems = []
                seen.changed = []
            }
            intake.health.clear(problem: Self.problem)
            if isAsked || isMended { logger.notice("source lists are good and unchanged: \(policy.version)") }
            // The entry that said that they are bad would stand as the last word.
            if isMended {
                var attempt = Self.change(to: policy, from: old, Self.mended)
                attempt.tell(origins)
                await record(attempt)
            }
            return
        }
        // Who was taken off the lists is refused at once, whatever follows.
        intake.narrow(to: policy)
        let change: PolicyChange
        do {
            // What was in force must be known later: lists are kept, and their entry is durable, before they let anybody in.
            try intake.keep(policy)
            change = PolicyChange(from: old, to: policy, intake: intake)
            var attempt = Self.change(to: policy, from: old, isMended ? Self.mended : nil)
            attempt.detail.merge(change.detail) { $1 }
            attempt.tell(origins)
            try await intake.record(attempt)
            try intake.use(policy)
        } catch {
            return notRecorded(error)
        }
        seen.withLock { seen in
            seen.problems = []
            seen.changed = []
        }
        intake.health.clear(problem: Self.problem)
        change.log(to: logger)
    }

    /// They are tried again at the next look.
    private func notRecorded(_ error: any Error) {
        let message =
            "the changed source lists let nobody new in yet, because the change cannot be recorded: \(error)"
        let isNew = seen.withLock { seen in
            defer { seen.problems = [message] }
            return seen.problems != [message]
        }
        guard isNew else { return }
        logger.error("\(message)")
        intake.health.set(problem: Self.problem, message: message)
    }

    private static let mended = "the source lists are good again"

    private static func change(to policy: Policy, from old: Policy, _ message: String?) -> Attempt {
        var attempt = Attempt(kind: .policy, channel: nil, verdict: .accepted, reason: .changed)
        attempt.policy = policy.version
        attempt.detail[KeptLists.promise] = true
        attempt.detail["from"] = .string(old.version)
        attempt.detail["message"] = message.map(JSONValue.string)
        return attempt
    }

    private func refuse(_ errors: SettingsErrors, isAsked: Bool) async {
        let narrowing = keepNarrowing()
        let problems = [narrowing?.words].compactMap(\.self) + errors.problems.map { "\($0)" }
        let (isNew, areRecorded) = seen.withLock { seen -> (Bool, Bool) in
            let isNew = isAsked || seen.problems != problems
            seen.problems = problems
            if isNew { seen.areRecorded = false }
            return (isNew, seen.areRecorded)
        }
        if isNew {
            let more = narrowing.map { ", and \($0.words)" } ?? ""
            intake.health.set(
                problem: Self.problem,
                message: "the source lists are bad, the old ones stay in force\(more): \(errors)")
            for problem in problems { logger.error("source lists stay as they were: \(problem)") }
        }
        guard !areRecorded else { return }
        var attempt = Attempt(kind: .policy, channel: nil, verdict: .rejected, reason: .malformed)
        attempt.policy = intake.policy.version
        attempt.detail["problems"] = PolicyChange.lines(problems)
        attempt.detail[ListChange.narrowingMember] = narrowing.map { .string($0.version) }
        attempt.tell(origins)
        let isRecorded = await record(attempt, isAgain: !isNew)
        seen.withLock { $0.areRecorded = isRecorded }
    }

    /// Whom good lists refuse that could not be recorded stays refused when bad ones follow: a mistake lets nobody in again who was
    /// taken off. Their refusals name these lists, which are kept as soon as that can be done. nil: there are none.
    private func keepNarrowing() -> (version: String, words: String)? {
        guard let lists = intake.comingPolicy else { return nil }
        var words = ListChange.narrowingWords(lists.version)
        do throws(LedgerError) { try intake.keep(lists) } catch { words += "; \(error)" }
        return (lists.version, words)
    }

    /// Returns whether it is recorded.
    /// - Parameter isAgain: that it could not be was told before.
    @discardableResult
    private func record(_ attempt: Attempt, isAgain: Bool = false) async -> Bool {
        do {
            try await intake.record(attempt)
            return true
        } catch {
            if !isAgain { logger.error("a change of source lists could not be recorded: \(error)") }
            return false
        }
    }
}
