// An expectation from its summary: for policies that were in force once.

extension ExpectedContact {
    /// Reads what `summary` wrote; nil for anything else.
    init?(summary: String) {
        let beginning = "at least every "
        guard summary.hasPrefix(beginning) else { return nil }
        var rest = summary.dropFirst(beginning.count)
        guard let unit = rest.firstIndex(of: " "), let seconds = Int64(rest[..<unit]) else { return nil }
        rest = rest[unit...].dropFirst(2)
        self.init(every: .seconds(seconds))
        if rest.hasSuffix(")"), let open = rest.lastIndex(of: "(") {
            zone = String(rest[open...].dropFirst().dropLast())
            rest = rest[..<open].dropLast()
        }
        if rest.hasPrefix(", ") {
            let text = rest.dropFirst(2).prefix(11)
            let minutes = text.split(separator: "-").compactMap(Self.minutes)
            guard minutes.count == 2, minutes[0] < minutes[1] else { return nil }
            hours = minutes[0]..<minutes[1]
            rest = rest.dropFirst(2 + text.count)
        }
        if rest.hasPrefix(" on ") {
            days = Set(rest.dropFirst(4).split(separator: "+").compactMap { Day(rawValue: String($0)) })
        }
        guard self.summary == summary else { return nil }
    }

    private static func minutes(_ clock: Substring) -> Int? {
        let parts = clock.split(separator: ":").compactMap { Int($0) }
        return parts.count == 2 ? parts[0] * 60 + parts[1] : nil
    }
}
