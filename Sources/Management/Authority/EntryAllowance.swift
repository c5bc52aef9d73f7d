// How many entries each of many may have written by asking: whoever may look at something must not be able to fill the ledger's disk.
// Pure.

/// So many in one go, and one more after each pause (the generic cell rate algorithm, ITU-T I.371): 17 MiB a day of entries of 2 KiB.
package struct EntryAllowance: Sendable {
    package static let most = 100
    package static let pause = Duration.seconds(10)
    /// Those that are told apart.
    static let mostKnown = 1024

    /// When each will have had the time for all that it had written.
    private var paid: [String: ContinuousClock.Instant] = [:]

    package init() {}

    /// Counts an entry that is about to be written; or how long its author has to wait, and nothing is counted.
    package mutating func count(_ who: String, now: ContinuousClock.Instant = .now) -> Duration? {
        if paid.count >= Self.mostKnown { paid = paid.filter { $1 > now } }
        guard paid[who] != nil || paid.count < Self.mostKnown else { return Self.pause }
        let until = max(paid[who] ?? now, now)
        let wait = until - now - Self.pause * (Self.most - 1)
        guard wait <= .zero else { return wait }
        paid[who] = until + Self.pause
        return nil
    }
}
