// A point in time, in microseconds since the epoch (UTC, no leap seconds): the resolution of the ledger.
// `now()` is the only place in this target that asks the system anything.
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

package struct Instant: Sendable, Hashable {
    package var microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    /// The wall clock.
    package static func now() -> Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}

extension Instant: Comparable {
    package static func < (a: Instant, b: Instant) -> Bool { a.microseconds < b.microseconds }
}

// Arithmetic saturates: a deadline computed from an absurd setting is far away, not a crash.
extension Instant {
    package static func + (instant: Instant, duration: Duration) -> Instant {
        let (sum, overflow) = instant.microseconds.addingReportingOverflow(duration.microseconds)
        return Instant(microseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    package static func - (instant: Instant, duration: Duration) -> Instant {
        let (rest, overflow) = instant.microseconds.subtractingReportingOverflow(duration.microseconds)
        return Instant(microseconds: overflow ? (duration < .zero ? .max : .min) : rest)
    }

    package static func - (a: Instant, b: Instant) -> Duration {
        .microseconds(a.microseconds) - .microseconds(b.microseconds)
    }

    package static func += (instant: inout Instant, duration: Duration) { instant = instant + duration }
    package static func -= (instant: inout Instant, duration: Duration) { instant = instant - duration }
}

extension Duration {
    /// Whole microseconds, rounded towards zero, saturating.
    fileprivate var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }
}
