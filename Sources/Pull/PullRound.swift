// One round of fetching: every drop that waits on the other gate is fetched, checked, taken over here and held, then acknowledged
// there, and only then released here: until then its sender may take it back. It can be cut off at any moment: what was taken over is
// known here under the other gate's id, and of what is held that gate says whether it has let go of it.
// It removes no file itself: only the ledger's writer knows which of them are somebody's only copy.
import Admission
import Intake
package import Management
import Reachability
package import Settings
import Staging
import Synchronization

package struct PullRound: Sendable {
    let settings: GateSettings
    package let origin: PullOrigin
    var remote: any OtherGate { origin.remote }
    let ledger: LedgerVisits
    /// Drops of one round at most.
    private let most = 10_000
    let attribution: Attribution
    let progress: @Sendable (Int64, Int64) -> Void

    /// How long a round waits for a gate that starts or ends.
    private static let patience = Duration.seconds(30)

    /// - Parameters:
    ///   - attribution: who pulls and why, for the entries of what is taken over.
    ///   - progress: how many drops are behind, of how many.
    ///   - warn: told of witnesses that cannot be asked.
    package init(
        settings: GateSettings, from origin: PullOrigin, by attribution: Attribution,
        progress: @escaping @Sendable (Int64, Int64) -> Void, warn: @escaping @Sendable (String) -> Void
    ) {
        // Of a witness each visit of the ledger would be told.
        let once = Once(warn)
        let ledger = LedgerVisits(open: {
            try await Authority.over(
                settings, makesLedger: true, patience: Self.patience, warn: { once($0) })
        })
        self.init(settings: settings, from: origin, by: attribution, ledger: ledger, progress: progress)
    }

    init(
        settings: GateSettings, from origin: PullOrigin, by attribution: Attribution, ledger: LedgerVisits,
        progress: @escaping @Sendable (Int64, Int64) -> Void
    ) {
        self.settings = settings
        self.origin = origin
        self.attribution = attribution
        self.ledger = ledger
        self.progress = progress
    }

    /// What a cut-off pull fetched is of use for this long; another gate's pull may yet go on with it.
    private static let partsAge: Int64 = 24 * 60 * 60 * 1_000_000

    /// A single drop that fails is in the summary. Ends between two drops when the task is cancelled.
    /// Throws a `ManagementError`, refused when the other gate cannot be reached; `StagingError` or `LedgerError` when this
    /// one cannot take anything.
    package func run() async throws -> PullSummary {
        do {
            return try await pull()
        } catch let error as Diagnosis {
            throw ManagementError(.refused, "\(origin): \(error.means)", fix: error.next, cause: error)
        } catch let error as SFTPError {
            let next = "the next pull continues where it stopped"
            throw ManagementError(
                .refused, "\(origin): the connection was lost: \(error)",
                fix: error.isTimeout ? "\(next); \(Self.longerTimeout)" : next, cause: error)
        }
    }

    private static let longerTimeout = "a longer --timeout may help"

    private func pull() async throws -> PullSummary {
        let directory = try Directory(path: settings.staging.path, create: true)
            .subdirectory([StagingLayout.incoming, StagingLayout.pull], create: true)
        guard let lock = try PullLock(in: directory) else {
            throw ManagementError(
                .internalError, "another pull into \(settings.staging.path) is running",
                fix: "let that one end first")
        }
        defer { withExtendedLifetime(lock) {} }
        do {
            let summary = try await fetchAll(into: directory)
            await remote.close()
            return summary
        } catch {
            await remote.close()
            throw error
        }
    }

    private func fetchAll(into directory: Directory) async throws -> PullSummary {
        let peer = try await remote.open()
        let waiting = try await waiting()
        var summary = PullSummary()
        guard try !waiting.isEmpty || !parts(in: directory).isEmpty else { return summary }
        do {
            try await settleHeld(peer, waiting: Set(waiting), &summary)
            try await takeAll(waiting.prefix(most), from: peer, directory, &summary)
            summary.left = max(0, waiting.count - most)
            let leftovers = try leftovers(in: directory, listed: waiting)
            if !leftovers.isEmpty { try await discard(leftovers) }
        } catch  where Task.isCancelled {
            // It was told to end.
        } catch let error as IntakeError {
            throw error.retryAfter == nil
                ? ManagementError(.internalError, "\(error)", cause: error) : ManagementError(error)
        }
        return summary
    }

    /// The drops that wait there. Nothing is fetched before they are known, so there is nothing to go on with when they do not come.
    private func waiting() async throws -> [String] {
        do {
            return try await remote.waiting()
        } catch let error as SFTPError {
            throw ManagementError(
                .refused, "\(origin): the list of its drops did not come: \(error)",
                fix: error.isTimeout ? Self.longerTimeout : "the next pull asks again", cause: error)
        }
    }

    func discard(_ drops: [String]) async throws {
        try await ledger.visit { authority in
            for drop in drops { try await authority.discardFetched(drop) }
        }
    }

    /// Names of what was fetched, whole or in part, and did not become a released drop.
    private func parts(in directory: Directory) throws -> [String] {
        try directory.names().filter { StagingLayout.drop(ofPulledName: $0) != nil }
    }

    /// Drops of which a part lies here, and which the other gate does not list any more.
    private func leftovers(in directory: Directory, listed: [String]) throws -> [String] {
        let parts = try parts(in: directory)
        guard !parts.isEmpty else { return [] }
        let listed = Set(listed)
        let oldest = (Instant.now().microseconds - Self.partsAge) / 1_000_000
        return try parts.filter { try directory.status($0).map { $0.modified < oldest } ?? false }
            .compactMap(StagingLayout.drop(ofPulledName:)).filter { !listed.contains($0) }
    }
}

/// Tells each thing once, however often it comes up.
private final class Once: Sendable {
    private let told = Mutex<Set<String>>([])
    private let tell: @Sendable (String) -> Void

    init(_ tell: @escaping @Sendable (String) -> Void) { self.tell = tell }

    func callAsFunction(_ text: String) {
        if told.withLock({ $0.insert(text).inserted }) { tell(text) }
    }
}
