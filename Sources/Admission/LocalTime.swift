// The time of a place, and how people write it. Pure: what the clocks of the place are ahead of UTC is told by the caller.

package struct LocalTime: Sendable {
    /// Seconds by which local time is ahead of UTC at an instant.
    package let offset: @Sendable (Instant) -> Int64
    /// What was asked for and is no zone that this machine knows, so that this is UTC; nil where all is well.
    package let unknownZone: String?

    package init(offset: @escaping @Sendable (Instant) -> Int64) {
        self.offset = offset
        unknownZone = nil
    }

    /// UTC in place of a zone that is not known.
    package init(unknownZone: String) {
        offset = { _ in 0 }
        self.unknownZone = unknownZone
    }

    /// Says that times which should be local are UTC, for people; nil where they are local.
    package var warning: String? {
        unknownZone.map {
            "TZ is \"\(UntrustedText.line($0))\", a time zone that is not known on this machine: local times are in UTC"
        }
    }

    package static let utc = LocalTime { _ in 0 }

    private static let day: Int64 = 86_400_000_000
    private static let hour: Int64 = 3_600_000_000
    /// No place is further from UTC, in hours.
    private static let furthest: Int64 = 26

    /// What the clocks show, as if it were UTC.
    private func shown(_ instant: Instant) -> Instant { instant + .seconds(offset(instant)) }

    /// The first instant at which the clocks show a time, given as if it were UTC. Where they leave it out, the instant at
    /// which they do.
    package func first(showing wall: Instant) -> Instant {
        let offsets = Set((-Self.furthest...Self.furthest).map { offset(wall + .seconds($0 * 3600)) })
        let exact = offsets.map { wall - .seconds($0) }.filter { shown($0) == wall }.min()
        if let exact { return exact }
        var low = (wall - .seconds(offsets.max() ?? 0)).microseconds
        var high = (wall - .seconds(offsets.min() ?? 0)).microseconds
        while low + 1 < high {
            let middle = low + (high - low) / 2
            if shown(Instant(microseconds: middle)) < wall { low = middle } else { high = middle }
        }
        return Instant(microseconds: high)
    }

    /// When the local day of an instant begins, or one so many days from it. Days have 23 to 25 hours where clocks change.
    package func startOfDay(_ instant: Instant, days: Int64 = 0) -> Instant {
        let now = shown(instant).microseconds
        let midnight = now - ((now % Self.day) + Self.day) % Self.day
        return first(showing: Instant(microseconds: midnight + days * Self.day))
    }

    /// `2026-11-23 00:00 +03:00`, or `2026-11-23 00:00Z` where the place has UTC.
    package func text(_ instant: Instant) -> String {
        let offset = offset(instant)
        let minutes = shown(instant).description.prefix(16).replacing("T", with: " ")
        return offset == 0 ? minutes + "Z" : "\(minutes) \(Self.text(offset: offset))"
    }

    /// RFC 3339: `2026-11-23T00:00:00.000000+03:00`.
    package func rfc3339(_ instant: Instant) -> String {
        // RFC 3339 has no seconds in an offset, so that places which had them long ago are told in UTC.
        let offset = offset(instant)
        guard offset != 0, offset % 60 == 0 else { return instant.description }
        return shown(instant).description.dropLast() + Self.text(offset: offset)
    }

    private static func text(offset: Int64) -> String {
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let minutes = abs(offset) / 60
        return "\(offset < 0 ? "-" : "+")\(two(minutes / 60)):\(two(minutes % 60))"
    }
}
