// One round of fetching: every drop that waits on the other gate is fetched, checked, taken over here and held, then acknowledged
// there, and only then released here: until then its sender may take it back. It can be cut off at any moment: what was taken over is
// known here under the other gate's id, and of what is held that gate says whether it has let go of it.
// It removes no file itself: only the ledger's writer knows which of them are somebody's only copy.
import Admission
import Foundation
import Intake
package import Management
import Reachability
package import Settings
import Staging
import Synchronization

package struct PullRound: Sendable {
    private let settings: GateSettings
    package let origin: PullOrigin
    var remote: RemoteGate { origin.remote }
    /// Drops of one round at most.
    private let most = 10_000
    let attribution: Attribution
    private let progress: @Sendable (Int64, Int64) -> Void
    private let warn: @Sendable (String) -> Void

    /// Drops of one visit of the ledger, at most, where no gate runs and this process writes it; and bytes of what is fetched for it. A
    /// running gate is asked drop by drop.
    private static let mostAtOnce = 16
    private static let mostBytesAtOnce: Int64 = 8 << 20
    /// So long at most a visit takes over, or releases, one drop after the other: a gate that starts waits a second for the ledger.
    static let longestVisit = Duration.milliseconds(300)
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
        self.settings = settings
        self.origin = origin
        self.attribution = attribution
        self.progress = progress
        // Of a witness each visit of the ledger would be told.
        let once = Once(warn)
        self.warn = { once($0) }
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
            throw ManagementError(
                .refused, "\(origin): the connection was lost: \(error)",
                fix: "the next pull goes on where it ended", cause: error)
        }
    }

    private func pull() async throws -> PullSummary {
        let directory = try Directory(path: settings.staging.path, create: true)
            .subdirectory([StagingLayout.incoming, StagingLayout.pull], create: true)
        guard let lock = try PullLock(in: directory) else {
            throw ManagementError(
                .internalError, "another pull into \(settings.staging.path) is running",
                fix: "let it end first")
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
        let waiting = try await remote.waiting()
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
            throw ManagementError(.internalError, "\(error)", cause: error)
        }
        return summary
    }

    /// For a moment, and not while something is fetched: where no gate runs, this process holds the ledger's lock meanwhile, and a gate
    /// that was started waits for it.
    func visit<Answer: Sendable>(
        _ body: (any GateAuthority) async throws -> Answer
    ) async throws -> Answer {
        let authority = try await Authority.over(
            settings, makesLedger: true, patience: Self.patience, warn: warn)
        do {
            let answer = try await body(authority)
            await authority.close()
            return answer
        } catch {
            await authority.close()
            throw error
        }
    }

    private func discard(_ drops: [String]) async throws {
        try await visit { authority in
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

    // MARK: What waits there

    /// What was fetched, or was held before, and is to be taken over.
    private struct Fetched: Sendable {
        let drop: FetchedDrop
        let id: String
        /// nil: it was here before.
        let bytes: Int64?
    }

    /// What became of a drop that was handed over.
    private enum Handover: Sendable {
        case taken(DropOutcome.Status)
        case refused(String)
    }

    private func takeAll(
        _ waiting: ArraySlice<String>, from peer: RemoteGate.Peer, _ directory: Directory,
        _ summary: inout PullSummary
    ) async throws {
        var rest = waiting
        while !rest.isEmpty, !Task.isCancelled {
            let standings = try await standings(rest)
            var batch: [Fetched] = []
            var bytes: Int64 = 0
            for (id, standing) in standings {
                // What is fetched and not taken over is of use for the next round.
                guard !Task.isCancelled else { return }
                progress(Int64(waiting.count - rest.count), Int64(waiting.count))
                rest = rest.dropFirst()
                do {
                    guard let drop = try await fetch(id, standing, from: peer, directory, &summary) else {
                        continue
                    }
                    batch.append(drop)
                    bytes += drop.bytes ?? 0
                } catch is CancellationError {
                    return
                }
                if bytes >= Self.mostBytesAtOnce { break }
            }
            let fetched = batch
            // Once it has begun it comes to its end: what the other gate has let go of is released, whoever tells this round to end.
            let handedOver = Task { try await handOver(fetched) }
            let part = try await handedOver.value
            summary.add(part)
        }
    }

    /// How the drops stand here that come next.
    private func standings(
        _ drops: ArraySlice<String>
    ) async throws -> [(id: String, standing: DropStanding)] {
        try await visit { authority -> [(id: String, standing: DropStanding)] in
            var standings: [(id: String, standing: DropStanding)] = []
            for id in drops.prefix(authority is LocalAuthority ? Self.mostAtOnce : 1) {
                standings.append((id, try await authority.standing(ofDrop: id)))
            }
            return standings
        }
    }

    /// nil: there is nothing to take over; the summary says why.
    private func fetch(
        _ id: String, _ standing: DropStanding, from peer: RemoteGate.Peer, _ directory: Directory,
        _ summary: inout PullSummary
    ) async throws -> Fetched? {
        do {
            switch standing {
            case .unknown, .withdrawn, .held: break
            case .kept:
                // A gate of an earlier version released it before it was acknowledged.
                _ = try await remote.acknowledge(id)
                summary.known += 1
                return nil
            case .pending, .lost:
                fail(id, standing, &summary)
                return nil
            }
            let receipt = try await remote.receipt(of: id)
            // Refused before it is fetched.
            _ = try PulledDrop(
                receipt.toImport, origin: "\(origin)", hostKey: peer.hostKey, peer: peer.ip)
            // Also of what is held, and lies here as a rule: then it is only looked at.
            try await fetch(receipt, into: directory)
            return Fetched(
                drop: try FetchedDrop(
                    receipt.toImport, origin: "\(origin)", hostKey: peer.hostKey, peer: peer.ip),
                id: id, bytes: standing == .held ? nil : receipt.receipt.bytes)
        } catch let error as PullError {
            if error.code == .gone, standing != .held {
                try await discard([id])
                summary.taken.append(id)
            } else if error.code != .gone {
                // Where there is no room for a large drop, smaller ones still come.
                summary.failures.append((id, error.description))
            }
        } catch let error as IntakeError where error.code == .malformed || error.code == .badPath {
            summary.failures.append((id, "\(error)"))
        }
        return nil
    }

    /// Bytes that do not fit the receipt are fetched once more from the start: a partial file may be of another time.
    private func fetch(_ receipt: RemoteReceipt, into directory: Directory) async throws {
        for isLast in [false, true] {
            do {
                return try await remote.fetch(receipt, into: directory, reserve: settings.staging.reserve)
            } catch let error as PullError where error.code == .mismatch {
                try await discard([receipt.receipt.drop])
                if isLast { throw error }
            }
        }
    }

    /// Has drops taken over and held, acknowledges them there, and then has them released. Acknowledged is only what is kept here: until
    /// then the other gate's copy may be the only whole one.
    private func handOver(_ fetched: [Fetched]) async throws -> PullSummary {
        var summary = PullSummary()
        var rest = fetched[...]
        while !rest.isEmpty {
            let done = try await takeOver(rest)
            var decisions: [(drop: String, decision: Decision)] = []
            var failure: (any Error)?
            for (drop, handover) in zip(rest, done) where failure == nil {
                do {
                    guard let decision = try await acknowledge(drop, handover, &summary) else { continue }
                    decisions.append((drop.id, decision))
                } catch {
                    // What was acknowledged before is released all the same.
                    failure = error
                }
            }
            let bytes = Dictionary(rest.map { ($0.id, $0.bytes) }) { first, _ in first }
            try await carryOut(decisions, &summary) { drop, summary in
                if let bytes = bytes[drop] ?? nil {
                    summary.pulled += 1
                    summary.bytes += bytes
                } else {
                    summary.known += 1
                }
            }
            if let failure { throw failure }
            rest = rest.dropFirst(done.count)
        }
        return summary
    }

    /// One after the other, the first at least, for as long as a visit may take. What became of each.
    private func takeOver(_ fetched: ArraySlice<Fetched>) async throws -> [Handover] {
        let attribution = attribution
        return try await visit { authority -> [Handover] in
            let end = ContinuousClock.now + Self.longestVisit
            var done: [Handover] = []
            for one in fetched {
                guard done.isEmpty || ContinuousClock.now < end else { break }
                do {
                    done.append(.taken(try await authority.importDrop(one.drop, by: attribution)))
                } catch let error as IntakeError where error.code == .malformed || error.code == .badPath {
                    done.append(.refused("\(error)"))
                }
            }
            return done
        }
    }

    /// nil: nothing is to be done with it now; the summary says why.
    private func acknowledge(
        _ drop: Fetched, _ handover: Handover, _ summary: inout PullSummary
    ) async throws -> Decision? {
        switch handover {
        case .refused(let why):
            summary.failures.append((drop.id, why))
            return nil
        case .taken(.pending):
            fail(drop.id, .pending, &summary)
            return nil
        case .taken(.stored), .taken(.duplicate), .taken(.held): break
        }
        let isAcknowledged: Bool
        do {
            isAcknowledged = try await remote.acknowledge(drop.id)
        } catch let error as PullError {
            summary.failures.append((drop.id, error.description))
            return nil
        }
        guard case .taken(.held) = handover else {
            // Released by somebody's decision since it was looked up.
            summary.known += 1
            return nil
        }
        guard !isAcknowledged else { return .release }
        return try await decide(drop.id, &summary)
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
