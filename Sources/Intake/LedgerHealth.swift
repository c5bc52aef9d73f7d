// Whether the ledger can be written, by what became of its commits: a gate that cannot write accepts nothing.
import Ledger
import Logging

struct LedgerHealth: Sendable {
    private static let problem = HealthProblem.ledger.rawValue

    let health: Health
    let logger: Logger

    /// Cheap enough for every request.
    var fails: Bool { health.has(problem: Self.problem) }

    /// Told of each commit, in order: what is waited for elsewhere may be told later than that it works again. What wrote something
    /// shows that the ledger works, also where nothing was accepted. What fails shows that it does not where somebody outside waits for
    /// it; the gate's own changes have problems of their own. One that is busy could be written, but not now.
    func ended(_ commit: Result<LedgerWriter.Commit, LedgerWriter.Failure>) {
        switch commit {
        case .success(let commit):
            guard commit.isWritten, health.clear(problem: Self.problem) else { return }
            logger.notice("the ledger can be written again")
        case .failure(let failure):
            let error = failure.error
            guard failure.wasWaitedFor, (error as? LedgerError)?.code != .busy else { return }
            fail(error)
        }
    }

    /// Until the next commit that writes something.
    func fail(_ error: any Error) {
        if health.set(problem: Self.problem, message: "nothing is accepted: \(error)") {
            logger.error("nothing is accepted: \(error)")
        }
    }
}
