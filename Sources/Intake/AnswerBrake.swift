// Keeps senders from being faster for long than what they send can be passed on: answers wait when too much waits for staging.
// Pure.

/// Counts what waits for staging. Beyond a limit answers are given no faster than events are staged, so that what waits does not
/// grow; nobody waits until all that is beyond the limit is staged, which after an outage may take minutes.
struct AnswerBrake {
    typealias Answer = @Sendable () -> Void

    let limit: Int
    /// Committed events that are not yet in `ready/`. Less than none for a moment: one may be staged before it begins to wait.
    private(set) var waiting = 0
    /// The answers to the newest of them, oldest first.
    private var late: [Answer] = []
    /// Staging does not work: to wait for it would help nobody.
    private var isReleased = false

    /// Whether somebody waits for staging.
    var holdsAnswers: Bool { !late.isEmpty }

    init(limit: Int) { self.limit = limit }

    /// An event waits whose answer was given long ago.
    mutating func add(_ count: Int) { waiting += count }

    /// An event waits from now on. Returns whether its sender may be told now; else the answer is kept.
    mutating func begin(_ answer: @escaping Answer) -> Bool {
        waiting += 1
        guard waiting > limit, !isReleased else { return true }
        late.append(answer)
        return false
    }

    /// Events that waited are staged. Returns the answers that may be given now: as many, or more where there is room for them.
    mutating func end(_ count: Int) -> [Answer] {
        isReleased = false
        waiting -= count
        let due = min(late.count, max(count, late.count - max(0, waiting - limit)))
        defer { late.removeFirst(due) }
        return Array(late.prefix(due))
    }

    /// Nobody waits until something is staged again. Returns the answers that are to be given now.
    mutating func release() -> [Answer] {
        isReleased = true
        defer { late = [] }
        return late
    }
}
