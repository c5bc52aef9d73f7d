// One round of fetching: every drop that waits on the other gate is fetched, checked, taken over here, and only then
// acknowledged there. It can be cut off at any moment: what was taken over is known here under the other gate's id.
// It removes no file itself: only the ledger's writer knows which of them are somebody's only copy.
import Admission
import Foundation
import Intake
package import JSON
package import Management
import Reachability
package import Settings
import Staging

/// What a round came to.
package struct PullSummary: Sendable {
    package var pulled = 0
    package var bytes: Int64 = 0
    /// Taken over by an earlier round that was cut off before it could acknowledge them.
    package var known = 0
    /// Drops that a consumer of the other gate took or acknowledged before they could be fetched.
    package var taken: [String] = []
    /// Not looked at: a round has an end, whatever the other gate lists.
    package var left = 0
    package var failures: [(drop: String, why: String)] = []

    /// Whether somebody should read about it. A drop that was taken without an acknowledgement is listed there until its
    /// receipt goes, and would be told in every round.
    package var isWorthALine: Bool { pulled > 0 || known > 0 || !failures.isEmpty }

    package var text: String {
        var text = "pulled \(Counted.text(pulled, "drop", "drops")), \(Counted.bytes(bytes))"
        if known > 0 { text += "; \(known) were here already" }
        if !taken.isEmpty { text += "; \(taken.count) taken there before" }
        if !failures.isEmpty { text += "; \(failures.count) failed" }
        if left > 0 { text += "; \(left) more \(left == 1 ? "waits" : "wait") for the next pull" }
        return text
    }

    package func json(from origin: PullOrigin) -> JSONValue {
        .object([
            "from": .string("\(origin)"), "pulled": .int(Int64(pulled)), "bytes": .int(bytes),
            "known": .int(Int64(known)), "left": .int(Int64(left)),
            "taken": .array(taken.map(JSONValue.string)),
            "failed": .array(
                failures.map { .object(["drop": .string($0.drop), "why": .string($0.why)]) }),
        ])
    }
}

package struct PullRound: Sendable {
    private let settings: GateSettings
    package let origin: PullOrigin
    private var remote: RemoteGate { origin.remote }
    /// Drops of one round at most.
    private let most = 10_000
    private let attribution: Attribution
    private let progress: @Sendable (Int64, Int64) -> Void
    private let warn: @Sendable (String) -> Void

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
        self.warn = warn
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
        let leftovers = try leftovers(in: directory, listed: waiting)
        guard !waiting.isEmpty || !leftovers.isEmpty else { return PullSummary() }
        let authority = try await Authority.over(settings, makesLedger: true, warn: warn)
        do {
            var summary = try await takeAll(waiting.prefix(most), from: peer, authority, directory)
            summary.left = max(0, waiting.count - most)
            for id in leftovers { try await authority.discardFetched(id) }
            await authority.close()
            return summary
        } catch let error as IntakeError {
            await authority.close()
            throw ManagementError(.internalError, "\(error)", cause: error)
        } catch {
            await authority.close()
            throw error
        }
    }

    /// Drops of which a part lies here, and which the other gate does not list any more.
    private func leftovers(in directory: Directory, listed: [String]) throws -> [String] {
        let parts = try directory.names().filter { StagingLayout.drop(ofPulledName: $0) != nil }
        guard !parts.isEmpty else { return [] }
        let listed = Set(listed)
        let oldest = (Instant.now().microseconds - Self.partsAge) / 1_000_000
        return try parts.filter { try directory.status($0).map { $0.modified < oldest } ?? false }
            .compactMap(StagingLayout.drop(ofPulledName:)).filter { !listed.contains($0) }
    }

    private func takeAll(
        _ waiting: ArraySlice<String>, from peer: RemoteGate.Peer, _ authority: any GateAuthority,
        _ directory: Directory
    ) async throws -> PullSummary {
        var summary = PullSummary()
        for (index, id) in waiting.enumerated() where !Task.isCancelled {
            progress(Int64(index), Int64(waiting.count))
            do {
                try await take(id, from: peer, authority, directory, &summary)
            } catch is CancellationError {
                break
            } catch let error as PullError {
                if error.code == .gone {
                    try await authority.discardFetched(id)
                    summary.taken.append(id)
                    continue
                }
                // Where there is no room for a large drop, smaller ones still come.
                summary.failures.append((id, error.description))
            } catch let error as IntakeError where error.code == .malformed || error.code == .badPath {
                summary.failures.append((id, "\(error)"))
            }
        }
        return summary
    }

    /// Acknowledged there is only what is kept here: until then the other gate's copy may be the only whole one.
    private func take(
        _ id: String, from peer: RemoteGate.Peer, _ authority: any GateAuthority, _ directory: Directory,
        _ summary: inout PullSummary
    ) async throws {
        var standing = try await authority.standing(ofDrop: id)
        var fetched: Int64?
        if standing == .unknown {
            let remote = try await remote.receipt(of: id)
            // Refused before it is fetched.
            _ = try PulledDrop(remote.toImport, origin: "\(origin)", hostKey: peer.hostKey, peer: peer.ip)
            try await fetch(remote, into: directory, authority)
            let status = try await authority.importDrop(
                FetchedDrop(remote.toImport, origin: "\(origin)", hostKey: peer.hostKey, peer: peer.ip),
                by: attribution)
            standing = status == .pending ? .pending : .kept
            if status == .stored { fetched = remote.receipt.bytes }
        }
        guard standing == .kept else {
            summary.failures.append(
                (
                    id,
                    "drop \(id) is taken over, but does not lie in ready/ yet (dropgate doctor says why); it is "
                        + "acknowledged there by a pull after that"
                ))
            return
        }
        summary.pulled += fetched == nil ? 0 : 1
        summary.known += fetched == nil ? 1 : 0
        summary.bytes += fetched ?? 0
        try await remote.acknowledge(id)
    }

    /// Bytes that do not fit the receipt are fetched once more from the start: a partial file may be of another time.
    private func fetch(
        _ receipt: RemoteReceipt, into directory: Directory, _ authority: any GateAuthority
    ) async throws {
        for isLast in [false, true] {
            do {
                return try await remote.fetch(receipt, into: directory, reserve: settings.staging.reserve)
            } catch let error as PullError where error.code == .mismatch {
                try await authority.discardFetched(receipt.receipt.drop)
                if isLast { throw error }
            }
        }
    }
}
