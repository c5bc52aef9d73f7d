// Accounts whose files have no place in staging, whatever they are called: their senders are told to come again, and the gate's health
// says what is wrong until it is over.
import Admission
import Logging
import Staging
import Synchronization

extension Intake {
    private static let placesProblem = HealthProblem.staging.rawValue

    /// An account has no place for what it sends. What to tell its sender.
    @discardableResult
    func hasNoPlace(_ account: String, _ error: StagingError) -> IntakeError {
        unplaced.withLock { _ = $0.insert(account) }
        let message = "nothing of what \(account) sends can be stored: \(error)"
        if health.set(problem: Self.placesProblem, of: account, message: message) {
            logger.error("\(message)")
        }
        return Self.storesNothing
    }

    static let storesNothing = IntakeError(
        .stagingFull, "the gate cannot store anything now; try again later", retryAfter: 60)

    /// An account has a place again. Cheap enough for every upload.
    func hasPlace(_ account: String) {
        guard unplaced.withLock({ $0.remove(account) }) != nil else { return }
        health.clear(problem: Self.placesProblem, of: account)
        logger.notice("what \(account) sends can be stored again")
    }

    /// Looks again at those that had none: their senders may not come back for long.
    func tryPlaces() {
        for account in unplaced.withLock({ $0 }) where hasPlaceNow(account) { hasPlace(account) }
    }

    private func hasPlaceNow(_ account: String) -> Bool {
        do {
            _ = try box(of: account)
            // Any name of its tree.
            _ = try staging.ready.isOccupied(Self.readyRoot(account) + "x")
            return true
        } catch {
            return false
        }
    }
}
