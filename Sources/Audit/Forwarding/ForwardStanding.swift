// How a forwarder stands: what is there, what waits, and whether somebody must look.
import Admission

struct ForwardStanding: Sendable {
    /// What changed for those who look after it.
    enum Change: Sendable, Equatable {
        case failed(String)
        case works
    }

    /// The last entry that is certainly at the target; nil before the position is known.
    private(set) var confirmed: Int64?
    /// Why nothing goes through; nil while it does, or while nothing waits.
    private(set) var trouble: String?
    /// When something was confirmed last, or nothing waited.
    private var wentOn: ContinuousClock.Instant
    /// By the wall clock: when something was confirmed last, or nothing waited, since the start.
    private(set) var succeeded: Instant?
    /// What failed last and when, be it that all works again. nil: nothing has since the start.
    private(set) var failure: (words: String, at: Instant)?

    init(at now: ContinuousClock.Instant) { wentOn = now }

    mutating func begins(at seq: Int64) { confirmed = max(confirmed ?? seq, seq) }

    /// nil unless it failed before.
    mutating func goesOn(to seq: Int64, at now: ContinuousClock.Instant, time: Instant) -> Change? {
        confirmed = seq
        wentOn = now
        succeeded = time
        defer { trouble = nil }
        return trouble == nil ? nil : .works
    }

    /// Returns whether it is new.
    mutating func fails(_ words: String, time: Instant) -> Bool {
        failure = (words, time)
        defer { trouble = words }
        return trouble == nil
    }

    /// Whether nothing was confirmed for so long, though something waits.
    func hasStalled(for bound: Duration, waiting: Int64, at now: ContinuousClock.Instant) -> Bool {
        waiting > 0 && trouble == nil && now - wentOn >= bound
    }

    /// Nothing waits, so there is nothing to go through.
    mutating func rests(at now: ContinuousClock.Instant) { wentOn = now }
}
