// Whether an entry is good today, in a word. Pure.

extension SourceEntry {
    /// `expired`, `review overdue`, `observed only` or `in force`.
    package func state(at now: Instant) -> String {
        if let expires, expires <= now { return "expired" }
        if let reviewBy, reviewBy <= now { return "review overdue" }
        return mode == .observe ? "observed only" : "in force"
    }
}
