// Times that people write without an offset, which are local. Pure.

extension Instant {
    /// What clocks show, as if it were UTC, of a date (midnight) or of a date and a time without an offset: `2026-11-23`,
    /// `2026-11-23T08:15`, `2026-11-23T08:15:30`. nil for anything else.
    package init?(wallClock text: some StringProtocol) {
        let parts = text.split(separator: "T", omittingEmptySubsequences: false)
        let isDate = parts.count == 1 && text.utf8.count == 10
        let isMinute = parts.count == 2 && text.utf8.count == 16
        let isSecond = parts.count == 2 && text.utf8.count == 19
        guard isDate || isMinute || isSecond else { return nil }
        self.init(rfc3339: isDate ? String(text) : text + (isMinute ? ":00Z" : "Z"))
    }
}
