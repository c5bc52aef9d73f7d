// What waits on the other gate: it is fetched, taken over and held here, acknowledged there, and then released here. Of a drop that is
// known here nothing is fetched before the ledger's writer has compared what it is there now with what was taken over: what lies here
// of it may be its only copy, and fetching would cut it.
import Admission
import Intake
import Management
import Reachability
import Settings
import Staging

extension PullRound {
    /// Drops of one visit of the ledger, at most, where no gate runs and this process writes it; and bytes of what is fetched for it. A
    /// running gate is asked drop by drop.
    private static let mostAtOnce = 16
    private static let mostBytesAtOnce: Int64 = 8 << 20

    /// A drop that waits there, and is to be taken over.
    private struct Offered: Sendable {
        let receipt: RemoteReceipt
        let drop: FetchedDrop
        /// How it stood here when it was looked up.
        let standing: DropStanding
        /// Whether this round has fetched it.
        var isFetched: Bool

        var id: String { receipt.receipt.drop }

        /// nil: it was here before.
        var bytes: Int64? { [.held, .kept].contains(standing) ? nil : receipt.receipt.bytes }
    }

    /// What became of a drop that was handed over.
    private enum Handover: Sendable {
        case taken(DropOutcome.Status)
        /// With a time to try again where it has no place, and may get one.
        case refused(IntakeError)
        /// What lies here of it is not all of it.
        case notWhole(String)
    }

    func takeAll(
        _ waiting: ArraySlice<String>, from peer: RemoteGate.Peer, _ directory: Directory,
        _ summary: inout PullSummary
    ) async throws {
        var rest = waiting
        while !rest.isEmpty, !Task.isCancelled {
            let standings = try await standings(rest)
            var batch: [Offered] = []
            var bytes: Int64 = 0
            for (id, standing) in standings {
                // What is fetched and not taken over is of use for the next round.
                guard !Task.isCancelled else { return }
                progress(Int64(waiting.count - rest.count), Int64(waiting.count))
                rest = rest.dropFirst()
                // Once a drop had no place, others are first asked for theirs: fetched in vain, many would fill the disk.
                let place = summary.hasUnplaced ? nil : directory
                guard let drop = try await offer(id, standing, from: peer, place, &summary) else { continue }
                batch.append(drop)
                bytes += drop.bytes ?? 0
                if bytes >= Self.mostBytesAtOnce { break }
            }
            try await take(batch, directory, &summary)
        }
    }

    /// How the drops stand here that come next.
    private func standings(
        _ drops: ArraySlice<String>
    ) async throws -> [(id: String, standing: DropStanding)] {
        try await ledger.visit { authority -> [(id: String, standing: DropStanding)] in
            var standings: [(id: String, standing: DropStanding)] = []
            for id in drops.prefix(authority is LocalAuthority ? Self.mostAtOnce : 1) {
                standings.append((id, try await authority.standing(ofDrop: id)))
            }
            return standings
        }
    }

    /// What is to be taken over of a drop; nil: nothing, and the summary says why.
    /// - Parameter directory: where it is fetched to; nil: it is not fetched now.
    private func offer(
        _ id: String, _ standing: DropStanding, from peer: RemoteGate.Peer, _ directory: Directory?,
        _ summary: inout PullSummary
    ) async throws -> Offered? {
        switch standing {
        // One that is kept and was not acknowledged was released by a person, or by a gate of an earlier version.
        case .unknown, .withdrawn, .held, .kept: break
        case .pending, .lost:
            fail(id, standing, &summary)
            return nil
        }
        return try await alone(id, standing, &summary) {
            let receipt = try await remote.receipt(of: id)
            let (single, place) = (receipt.toImport, "\(origin)")
            // Refused before it is fetched.
            _ = try PulledDrop(single, origin: place, hostKey: peer.hostKey, peer: peer.ip)
            let drop = try FetchedDrop(single, origin: place, hostKey: peer.hostKey, peer: peer.ip)
            guard standing == .unknown, let directory else {
                return Offered(receipt: receipt, drop: drop, standing: standing, isFetched: false)
            }
            try await fetch(receipt, into: directory)
            return Offered(receipt: receipt, drop: drop, standing: standing, isFetched: true)
        }
    }

    private func fetch(
        _ offered: Offered, _ directory: Directory, _ summary: inout PullSummary
    ) async throws -> Offered? {
        try await alone(offered.id, offered.standing, &summary) {
            try await fetch(offered.receipt, into: directory)
            var fetched = offered
            fetched.isFetched = true
            return fetched
        }
    }

    /// What is wrong with one drop keeps no other from coming. nil: it is not to be taken over, and the summary says why.
    private func alone(
        _ id: String, _ standing: DropStanding, _ summary: inout PullSummary,
        _ body: () async throws -> Offered
    ) async throws -> Offered? {
        do {
            return try await body()
        } catch let error as PullError where error.code == .gone {
            // What has become of one that is held is asked in the next round.
            guard standing == .unknown || standing == .withdrawn else { return nil }
            try await discard([id])
            summary.taken.append(id)
        } catch let error as PullError {
            // Where there is no room for a large drop, smaller ones still come.
            summary.fail(id, error.description)
        } catch let error as IntakeError where error.code == .malformed || error.code == .badPath {
            summary.fail(id, "\(error)")
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

    /// Hands drops over. Those that are the same there and here, and of which not all lies here, are fetched and handed over once more.
    private func take(
        _ batch: [Offered], _ directory: Directory, _ summary: inout PullSummary
    ) async throws {
        var batch = batch
        while !batch.isEmpty {
            let offered = batch
            // Once it has begun it comes to its end: what the other gate has let go of is released, whoever tells this round to end.
            let handedOver = Task { try await handOver(offered) }
            let (part, notWhole) = try await handedOver.value
            summary.add(part)
            batch = []
            for drop in notWhole where !Task.isCancelled {
                if let fetched = try await fetch(drop, directory, &summary) { batch.append(fetched) }
            }
        }
    }

    /// Has drops taken over and held, acknowledges them there, and then has them released. Acknowledged is only what is kept here: until
    /// then the other gate's copy may be the only whole one.
    /// - Returns: also those that are to be fetched first.
    private func handOver(_ offered: [Offered]) async throws -> (summary: PullSummary, notWhole: [Offered]) {
        var summary = PullSummary()
        var notWhole: [Offered] = []
        var rest = offered[...]
        while !rest.isEmpty {
            let done = try await takeOver(rest)
            var decisions: [(drop: String, decision: Decision)] = []
            var failure: (any Error)?
            for (drop, handover) in zip(rest, done) where failure == nil {
                if case .notWhole = handover, !drop.isFetched {
                    notWhole.append(drop)
                    continue
                }
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
        return (summary, notWhole)
    }

    /// One after the other, the first at least, for as long as a visit may take. What became of each.
    private func takeOver(_ offered: ArraySlice<Offered>) async throws -> [Handover] {
        let attribution = attribution
        return try await ledger.visit(each: offered) { one, authority -> Handover in
            let handover: Handover
            do {
                handover = .taken(try await authority.importDrop(one.drop, by: attribution))
            } catch let error as IntakeError where error.code == .incomplete {
                handover = .notWhole("\(error)")
            } catch let error as IntakeError where error.code == .malformed || error.code == .badPath {
                handover = .refused(error)
            }
            return handover
        }
    }

    /// nil: nothing is to be done with it now; the summary says why.
    private func acknowledge(
        _ drop: Offered, _ handover: Handover, _ summary: inout PullSummary
    ) async throws -> Decision? {
        switch handover {
        case .notWhole(let why):
            summary.fail(drop.id, why)
            return nil
        case .refused(let error):
            summary.fail(drop.id, "\(error)", mayComeLater: error.retryAfter != nil)
            return nil
        case .taken(.pending):
            fail(drop.id, .pending, &summary)
            return nil
        case .taken(.own):
            // That gate's consumers have not had it yet.
            summary.own.append(drop.id)
            return nil
        case .taken(.stored), .taken(.duplicate), .taken(.held): break
        }
        let isAcknowledged: Bool
        do {
            isAcknowledged = try await remote.acknowledge(drop.id)
        } catch let error as PullError {
            summary.fail(drop.id, error.description)
            return nil
        }
        guard case .taken(.held) = handover else {
            // It is released here already.
            summary.known += 1
            return nil
        }
        guard !isAcknowledged else { return .release }
        return try await decide(drop.id, &summary)
    }
}
