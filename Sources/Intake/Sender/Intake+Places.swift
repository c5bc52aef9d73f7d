// Accounts whose files have no place in staging, whatever they are called: their senders are told to come again, and the gate's health
// says what is wrong until it is over.
import Admission
import Blocking
import Logging
import Staging
import Synchronization

/// Accounts that had no place in staging last.
struct UnplacedAccounts: Sendable {
    /// How often each was refused since it had one.
    var refusals: [String: Int] = [:]
    /// When somebody looked last whether they have one again.
    var looked: ContinuousClock.Instant?
}

extension Intake {
    private static let placesProblem = HealthProblem.staging.rawValue

    /// An account has no place for what it sends. What to tell its sender.
    @discardableResult
    func hasNoPlace(_ account: String, _ error: StagingError) -> IntakeError {
        let message = "nothing of what \(account) sends can be stored: \(error)"
        // Both at once: what the health says of an account is looked at again for as long as it does.
        let isNew = unplaced.withLock { unplaced -> Bool in
            unplaced.refusals[account, default: 0] += 1
            return health.set(problem: Self.placesProblem, of: account, message: message)
        }
        if isNew { logger.error("\(message)") }
        return Self.storesNothing
    }

    static let storesNothing = IntakeError(
        .stagingFull, "the gate cannot store anything now; try again later", retryAfter: 60)

    /// Whether an error is about one name of an account: where any other one of it can be looked at, it has a place.
    func isOfItsName(_ error: StagingError, _ account: String) -> Bool {
        if [.badPath, .exists].contains(error.code) { return true }
        return error.code != .full && (try? lookAtReady(of: account)) != nil
    }

    /// An account may have a place again, by what somebody has just seen of it. Cheap enough for every upload.
    func mayHavePlace(_ account: String) {
        guard let refusals = unplaced.withLock({ $0.refusals[account] }), hasPlaceNow(account) else { return }
        let isOver = unplaced.withLock { unplaced -> Bool in
            // Else it was refused meanwhile.
            guard unplaced.refusals[account] == refusals else { return false }
            unplaced.refusals[account] = nil
            health.clear(problem: Self.placesProblem, of: account)
            return true
        }
        if isOver { logger.notice("what \(account) sends can be stored again") }
    }

    // MARK: Looking again

    /// To look at an account whose box is not in memory may take seconds.
    private static let timeBetweenLooks = Duration.seconds(10)

    /// Looks again at those that had no place, in a while and beside its caller: their senders may not come back for long, and a
    /// filesystem may hang.
    func tryPlacesInTime() {
        let isTime = unplaced.withLock { unplaced -> Bool in
            guard !unplaced.refusals.isEmpty,
                unplaced.looked.map({ $0.duration(to: .now) >= Self.timeBetweenLooks }) ?? true
            else { return false }
            unplaced.looked = .now
            return true
        }
        guard isTime else { return }
        places.begin { [weak self] in self?.tryPlaces() }
    }

    func tryPlaces() {
        let accounts = unplaced.withLock { Array($0.refusals.keys) }
        for account in accounts { mayHavePlace(account) }
    }

    private func hasPlaceNow(_ account: String) -> Bool {
        do {
            try lookAtReady(of: account)
            // Nothing is made: whoever puts a directory back is to find its place free.
            guard try Directory(path: staging.uploads.path).status(account) != nil else { return true }
            try lookAtIncoming(of: account)
            // Last: where it is not in memory, all that it has is looked at.
            _ = try box(of: account)
            return true
        } catch {
            return false
        }
    }

    private func lookAtReady(of account: String) throws(StagingError) {
        // Any name of its tree.
        _ = try staging.ready.isOccupied(Self.readyRoot(account) + "x")
    }

    /// By the path, as its sessions do: the directories that this process has open may be somewhere else by now, or closed.
    func lookAtIncoming(of account: String) throws(StagingError) {
        _ = try PartialStore(incoming: "\(staging.uploads.path)/\(account)")
    }
}
