// Work that takes longer than an answer may: it goes on beside, who started it looks how far it has come, and takes its result. In
// memory: a gate that starts anew knows of none.
import Admission
import Blocking
import HTTPTypes
import JSON
import Ledger
import Logging
import Management
import Synchronization
import TLS

struct Job: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case verify, report, rules, probe

        /// What somebody needs to start one, and to look at it.
        var permission: Permission {
            switch self {
            case .verify: .verify
            case .report: .export
            case .rules, .probe: .probe
            }
        }
    }

    /// What it came to.
    struct Result: Sendable {
        /// Whether the answer is yes.
        let isGood: Bool
        /// One line for people.
        let summary: String
        /// For programs.
        let json: JSONValue
        /// A page of its own, to print.
        var page: String?
    }

    /// A line of what it has found so far.
    struct Line: Sendable {
        /// `ok`, `warn`, `fail`; nil: neither.
        var state: String?
        var text: String
    }

    let id: String
    let kind: Kind
    /// For people.
    let title: String
    /// Who started it, in words.
    let person: String
    let began: Instant
    fileprivate(set) var ended: Instant?
    /// How much is behind, of how much; nil: that is not known.
    fileprivate(set) var progress: (done: Int64, of: Int64)?
    fileprivate(set) var lines: [Line] = []
    fileprivate(set) var result: Result?
    /// Why it has no result.
    fileprivate(set) var failure: String?

    var state: String { ended == nil ? "running" : failure == nil ? "done" : "failed" }
}

final class Jobs: Sendable {
    /// Jobs that go on at a time, of a kind, and jobs that are remembered.
    private static let mostOfKind = 1
    private static let mostKept = 16
    private static let mostLines = 500

    private let jobs = Mutex<[Job]>([])
    /// Of jobs that go on, by their ids; nil: none is begun any more.
    private let tasks = Mutex<[String: Task<Void, Never>]?>([:])
    private let executor = BlockingExecutor(label: "jobs", width: Job.Kind.allCases.count)
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    /// What a job tells while it goes on.
    struct Teller: Sendable {
        fileprivate let jobs: Jobs
        fileprivate let id: String

        func progress(_ done: Int64, of all: Int64) {
            jobs.change(id) { $0.progress = (done, all) }
        }

        func line(_ text: String, _ state: String? = nil) {
            jobs.change(id) { job in
                guard job.lines.count < Jobs.mostLines else { return }
                job.lines.append(Job.Line(state: state, text: UntrustedText.head(text, limit: 1024)))
            }
        }
    }

    /// Starts one. Throws a `Problem` where others go on already.
    /// - Parameter work: may block. What it throws is what the job says why it failed.
    func start(
        _ kind: Job.Kind, _ title: String, by attribution: Attribution, now: Instant,
        _ work: @escaping @Sendable (Teller) async throws -> Job.Result
    ) throws(Problem) -> Job {
        let job = Job(
            id: Hex.text(RandomBytes.make(8)), kind: kind, title: title,
            person: PersonWords(.object(attribution.facts))?.name ?? "", began: now)
        let isStarted = jobs.withLock { jobs in
            guard tasks.withLock({ $0 != nil }),
                jobs.count(where: { $0.kind == kind && $0.ended == nil }) < Self.mostOfKind
            else { return false }
            while jobs.count >= Self.mostKept, let old = jobs.firstIndex(where: { $0.ended != nil }) {
                jobs.remove(at: old)
            }
            jobs.append(job)
            return true
        }
        guard isStarted else {
            var problem = Problem(
                .conflict, "busy", "another one of these is already running; wait until it has ended")
            problem.headers[.retryAfter] = "10"
            throw problem
        }
        // What is begun is known to whoever ends it.
        tasks.withLock { if $0 != nil { $0?[job.id] = task(of: job, work) } }
        return job
    }

    private func task(
        of job: Job, _ work: @escaping @Sendable (Teller) async throws -> Job.Result
    ) -> Task<Void, Never> {
        Task(executorPreference: executor) { [self] in
            do {
                let result = try await work(Teller(jobs: self, id: job.id))
                change(job.id) { $0.result = result }
            } catch is CancellationError {
                change(job.id) { $0.failure = "the gate stopped before it was done" }
            } catch {
                let problem = Problem(error)
                if let text = problem.logged { logger.error("the console: \(job.title): \(text)") }
                change(job.id) { $0.failure = problem.detail }
            }
            change(job.id) { $0.ended = .now() }
            tasks.withLock { _ = $0?.removeValue(forKey: job.id) }
        }
    }

    /// Ends what goes on, and begins nothing any more.
    func end() async {
        let left = tasks.withLock { tasks in
            defer { tasks = nil }
            return tasks ?? [:]
        }
        for task in left.values { task.cancel() }
        for task in left.values { await task.value }
    }

    private func change(_ id: String, _ body: (inout Job) -> Void) {
        jobs.withLock { jobs in
            guard let index = jobs.firstIndex(where: { $0.id == id }) else { return }
            body(&jobs[index])
        }
    }

    /// A job that this caller may look at. Throws a `Problem` where there is none.
    func job(_ id: String?, for caller: Caller) throws(Problem) -> Job {
        let found = jobs.withLock { $0.first { $0.id == id } }
        guard let found, caller.may(found.kind.permission) else {
            throw Problem(.notFound, "not_found", "there is no job of this id, or none any more")
        }
        return found
    }

    /// The newest job of a kind that has not ended; nil: none goes on.
    func running(_ kind: Job.Kind) -> Job? {
        jobs.withLock { $0.last { $0.kind == kind && $0.ended == nil } }
    }
}
