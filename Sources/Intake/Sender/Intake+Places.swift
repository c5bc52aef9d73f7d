// Accounts whose files have no place in staging, whatever they are called: their senders are told to come again, and the gate's health
// says what is wrong until it is over.
import Admission
import Blocking
import Ledger
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
        // Under one lock, so that the health tells of an account exactly as long as `refusals` has it: those are looked at again.
        let isNew = unplaced.withLock { unplaced -> Bool in
            unplaced.refusals[account, default: 0] += 1
            return health.set(problem: Self.placesProblem, of: account, message: message)
        }
        if isNew { logger.error("\(message)") }
        return Self.storesNothing
    }

    package static let storesNothing = IntakeError(
        .stagingFull, StagingError.textForSenders, retryAfter: 60)

    /// Whether an error is about one name, so that others have a place: about the name itself, or about directories on the way to it
    /// that are not on the way to others.
    /// - Parameter root: the part of `ready/` in which the others are; ends with a slash, or is empty.
    func isOfItsName(_ error: StagingError, below root: String) -> Bool {
        error.isAboutName || error.code != .full && (try? lookAtReady(below: root)) != nil
    }

    /// To be called when something that an account needs has worked: ends its problem where all that it needs works. For an account
    /// without a problem, as nearly all are, this is a look under a lock.
    func mayHavePlace(_ account: String) {
        guard let refusals = unplaced.withLock({ $0.refusals[account] }), hasPlaceNow(account) else { return }
        let isOver = unplaced.withLock { unplaced -> Bool in
            // Another number: it was refused meanwhile.
            guard unplaced.refusals[account] == refusals else { return false }
            unplaced.refusals[account] = nil
            health.clear(problem: Self.placesProblem, of: account)
            return true
        }
        if isOver { logger.notice("what \(account) sends can be stored again") }
    }

    // MARK: Looking again

    /// Each look loads the boxes that are not in memory, which goes through all that their accounts have and may take seconds.
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
        for account in accounts where !Task.isCancelled { mayHavePlace(account) }
    }

    private func hasPlaceNow(_ account: String) -> Bool {
        do {
            try lookAtReady(below: Self.readyRoot(account))
            // Nothing is made: whoever puts a directory back is to find its place free.
            guard try checkDirectory(of: account) else { return true }
            try lookAtIncoming(of: account)
            // Last: where it is not in memory, all that it has is looked at.
            _ = try box(of: account)
            return true
        } catch {
            return false
        }
    }

    private func lookAtReady(below root: String) throws(StagingError) {
        // Any name.
        _ = try staging.ready.isOccupied(root + "x")
    }

    /// By the path, as its sessions do: the directories that this process has open may be somewhere else by now, or closed.
    func lookAtIncoming(of account: String) throws {
        try checkDirectory(of: account)
        _ = try PartialStore(incoming: "\(staging.uploads.path)/\(account)")
    }

    // MARK: Moved away

    /// Whether an account has its directory in `incoming/`; whoever makes that asks first. Throws `.obstructed` where it is gone although
    /// accepted uploads lie in it, or nobody could look yet what a crash has left there: somebody has moved it away, and with an empty
    /// one in its place those uploads would count as lost.
    @discardableResult
    func checkDirectory(of account: String) throws -> Bool {
        let uploads = staging.uploads.path
        guard try Directory(path: uploads).status(account) == nil else { return true }
        let isUnrecovered = unrecovered.withLock { $0.contains(account) }
        guard try isUnrecovered || Self.accountsOfPending(in: store).contains(account) else { return false }
        throw StagingError(
            .obstructed, "\(uploads)/\(account) is gone, and accepted uploads may lie in it",
            fix:
                "put it back; if it is lost for good, make an empty directory of the gate's user in its place and restart the gate, which "
                + "then records those uploads as lost")
    }

    /// Accounts with accepted uploads in their directories that are not released. Those that the ledger keeps are written anew, wherever
    /// that is.
    static func accountsOfPending(in store: any LedgerStore) throws -> Set<String> {
        Set(
            try store.pendingUploadPaths().filter { !StagingLayout.isSmallFile($0) }.compactMap(
                StagingLayout.account(ofIncoming:)))
    }
}
