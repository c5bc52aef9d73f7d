// Until when a blocking call may wait.

package struct Deadline: Sendable {
    private let end: ContinuousClock.Instant

    package init(in duration: Duration) { end = .now + duration }

    package var isPast: Bool { ContinuousClock.now >= end }

    package var remaining: Duration { max(.zero, end - .now) }

    /// What is left for poll(2), rounded up so that a wait never ends before its time.
    package var milliseconds: Int32 {
        let left = (remaining.wholeMicroseconds + 999) / 1000
        return Int32(clamping: left)
    }

    package func earlier(_ other: Deadline) -> Deadline { other.end < end ? other : self }
}
