// What becomes of drops that are held here: the other gate says whether it has let go of them, and for whom.
import Admission
import Intake
import Management
import Reachability

extension PullRound {
    /// What the other gate's word means for a drop that is held here.
    enum Decision: Sendable {
        case release
        case withdraw(String)
    }

    /// Drops that an earlier round held, and that wait there no more: it was cut off before it could settle them.
    func settleHeld(
        _ peer: RemoteGate.Peer, waiting: Set<String>, _ summary: inout PullSummary
    ) async throws {
        let origin = "\(origin)"
        let held = try await ledger.visit { authority -> [String] in
            try await authority.heldPulls(hostKey: peer.hostKey, origin: origin)
        }
        var decisions: [(drop: String, decision: Decision)] = []
        for drop in held where !waiting.contains(drop) {
            if let decision = try await decide(drop, &summary) { decisions.append((drop, decision)) }
        }
        try await carryOut(decisions, &summary) { _, summary in summary.known += 1 }
    }

    /// What becomes of a held drop that cannot be acknowledged; nil: it is held on.
    func decide(_ drop: String, _ summary: inout PullSummary) async throws -> Decision? {
        let fate: DropFate
        do {
            fate = try await remote.fate(of: drop)
        } catch let error as PullError {
            summary.fail(
                drop, "drop \(drop) is here and held, and the next pull asks again: \(error.description)")
            return nil
        }
        switch fate {
        case .acknowledged, .lost: return .release
        case .gone(let what): return .withdraw(what)
        case .waits: return nil
        case .unknown:
            summary.fail(
                drop,
                "drop \(drop) is here and held: it no longer waits on the other gate, and that gate does not say whether it was "
                    + "acknowledged for this one; look there (`dropgate drops show \(drop)`), then `dropgate drops release "
                    + "\(drop)` here if it was, and `dropgate drops withdraw \(drop)` if not")
            return nil
        }
    }

    /// - Parameter released: told of each drop that lies in `ready/` now.
    func carryOut(
        _ decisions: [(drop: String, decision: Decision)], _ summary: inout PullSummary,
        released: (_ drop: String, inout PullSummary) -> Void
    ) async throws {
        var rest = decisions[...]
        while !rest.isEmpty {
            let standings = try await standings(of: rest)
            settle(rest.prefix(standings.count), standings, &summary, released: released)
            rest = rest.dropFirst(standings.count)
        }
    }

    /// How the first drops stand once what was decided on them is done: as many as are done in the time of a visit, one at the least.
    private func standings(
        of decisions: ArraySlice<(drop: String, decision: Decision)>
    ) async throws -> [DropStanding] {
        try await ledger.visit(each: decisions) { decided, authority -> DropStanding in
            switch decided.decision {
            case .release: return try await authority.releasePulled(decided.drop)
            case .withdraw(let what): return try await withdraw(decided.drop, there: what, authority)
            }
        }
    }

    /// `.pending` where somebody else is deciding on the drop, as of one that is to be released: that is this drop's matter alone.
    private func withdraw(
        _ drop: String, there what: String, _ authority: any GateAuthority
    ) async throws -> DropStanding {
        let isDone: Bool
        do {
            isDone = try await authority.withdrawPulled(drop, there: what, by: attribution)
        } catch let error as IntakeError where error.code == .forbiddenOperation {
            return .pending
        }
        if isDone {
            return .withdrawn
        } else {
            return try await authority.standing(ofDrop: drop)
        }
    }

    private func settle(
        _ decisions: ArraySlice<(drop: String, decision: Decision)>, _ standings: [DropStanding],
        _ summary: inout PullSummary, released: (_ drop: String, inout PullSummary) -> Void
    ) {
        for ((drop, decision), standing) in zip(decisions, standings) {
            switch (standing, decision) {
            case (.kept, _): released(drop, &summary)
            case (.withdrawn, .withdraw): summary.withdrawn.append(drop)
            // The other gate lists it no more: unless somebody reads about it, no consumer ever gets it.
            case (.withdrawn, .release): fail(drop, standing, &summary)
            case (.pending, _), (.lost, _), (.held, _), (.unknown, _): fail(drop, standing, &summary)
            }
        }
    }

    /// Says why a drop that is known here does not lie in `ready/`.
    /// - Parameter standing: `.withdrawn` for one that was to be released.
    func fail(_ drop: String, _ standing: DropStanding, _ summary: inout PullSummary) {
        let why =
            switch standing {
            case .lost:
                "drop \(drop) was fetched, but its bytes were gone from staging before they got to ready/: no pull fetches it "
                    + "again. Find out who removes files below incoming/ of staging. If the other gate still has it, take its file "
                    + "from there for its consumer, and acknowledge it there (dropgate drops ack \(drop)); if not, ask for it "
                    + "to be sent again"
            case .withdrawn:
                "drop \(drop) was acknowledged or lost there, and withdrawn here in the meantime: quarantine/ has its only copy, no pull "
                    + "fetches it again, and no command releases it. If its consumer is to have it, take its file from there "
                    + "(dropgate drops show \(drop) says where) before staging.keep_quarantined is over"
            case .held:
                "drop \(drop) is here and held, and is not released: what was fetched of it is no longer complete, or cannot be read "
                    + "(dropgate doctor says which). The next pull fetches it again if the other gate still has it; if not, dropgate "
                    + "drops withdraw \(drop) puts it into quarantine"
            case .pending, .unknown, .kept:
                // A release that failed, somebody's decision, a ledger or a directory that could not be read.
                "drop \(drop) was fetched, but does not lie in ready/ yet (dropgate drops show \(drop) says its state, dropgate "
                    + "doctor what failed). A running gate tries a failed release again by itself; without one the "
                    + "next pull does; where somebody else was deciding on the drop, the next pull looks again"
            }
        summary.fail(drop, why)
    }
}
