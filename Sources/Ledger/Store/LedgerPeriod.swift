// A period of time, as entries are asked for. Pure.
package import Admission

/// From `since` on, up to and without `until`; nil: without end.
package struct LedgerPeriod: Sendable, Hashable {
    package var since: Instant?
    package var until: Instant?

    package init(since: Instant? = nil, until: Instant? = nil) {
        self.since = since
        self.until = until
    }

    /// Whether an entry belongs to it: by its own time or, where the clock was set back, by what the clock said. Neither is
    /// known to be the true one, and an entry that was written in the period must not be missing from an answer.
    package func contains(_ time: Instant, clock: Instant?) -> Bool {
        contains(time) || clock.map(contains) == true
    }

    private func contains(_ instant: Instant) -> Bool {
        (since.map { instant >= $0 } ?? true) && (until.map { instant < $0 } ?? true)
    }
}
