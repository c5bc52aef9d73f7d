// How many entries a token may have written by asking for what is recorded: signing in, a stream, an export.
import HTTPTypes
import Management
import Synchronization

final class EntryLimit: Sendable {
    private let allowance = Mutex(EntryAllowance())

    /// Counts one. Throws a `Problem` where the token had too many.
    func count(_ caller: Caller) throws(Problem) {
        guard let wait = allowance.withLock({ $0.count(caller.name) }) else { return }
        let seconds = wait.components.seconds + 1
        var problem = Problem(
            .tooManyRequests, "too_many_entries",
            "this token has had \(EntryAllowance.most) accesses recorded, and may have one more every "
                + "\(EntryAllowance.pause.components.seconds) s; try again in \(seconds) s")
        problem.headers[.retryAfter] = "\(seconds)"
        throw problem
    }
}
