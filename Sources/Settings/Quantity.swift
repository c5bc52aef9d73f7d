// Sizes (10MiB) and durations (24h) as people write them. Pure text to number; bounds are the caller's.

package enum Quantity {
    private static let sizeUnits: [String: Int64] = [
        "": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
        "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]
    private static let durationUnits: [String: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400]

    /// What a message says is allowed.
    package static let sizeHelp =
        "write bytes, or a whole number with KB, MB, GB, KiB, MiB or GiB, as in 10MiB"
    package static let durationHelp = "write a whole number with s, m, h or d, as in 10s, 5m, 24h or 7d"

    /// Bytes, or nil when the text is not a size or does not fit.
    package static func size(_ text: String) -> Int64? { amount(text, units: sizeUnits).flatMap(\.self) }

    /// Whether a text is a size or a duration that no number here can hold: negative, or too large.
    static func isBeyondSizes(_ text: String) -> Bool { isBeyond(text, units: sizeUnits) }
    static func isBeyondDurations(_ text: String) -> Bool { isBeyond(text, units: durationUnits) }

    /// Whole seconds as a duration, or nil. A number without a unit is refused: seconds or minutes?
    package static func duration(_ text: String) -> Duration? {
        amount(text, units: durationUnits).flatMap(\.self).map { .seconds($0) }
    }

    /// The shortest exact way to write a size: 10MiB, 1500.
    package static func text(size: Int64) -> String {
        for (name, unit) in [("TiB", Int64(1) << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        where size >= unit && size % unit == 0 {
            return "\(size / unit)\(name)"
        }
        return "\(size)"
    }

    /// The shortest exact way to write whole seconds: 7d, 90s.
    package static func text(duration: Duration) -> String {
        let seconds = duration.components.seconds
        for (name, unit) in [("d", Int64(86400)), ("h", 3600), ("m", 60)]
        where seconds >= unit && seconds % unit == 0 {
            return "\(seconds / unit)\(name)"
        }
        return "\(seconds)s"
    }

    /// Whole seconds as people write them: in the largest unit of which there are two or more, 24h and 60s.
    static func plain(duration: Duration) -> String {
        let seconds = duration.components.seconds
        for (name, unit) in [("d", Int64(86400)), ("h", 3600), ("m", 60)]
        where seconds >= 2 * unit && seconds % unit == 0 {
            return "\(seconds / unit)\(name)"
        }
        return "\(seconds)s"
    }

    private static func isBeyond(_ text: String, units: [String: Int64]) -> Bool {
        amount(text.hasPrefix("-") ? String(text.dropFirst()) : text, units: units).map {
            $0 == nil || text.hasPrefix("-")
        } ?? false
    }

    /// nil: not written so. An inner nil: it does not fit.
    private static func amount(_ text: String, units: [String: Int64]) -> Int64?? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard !digits.isEmpty, let factor = units[String(unit)] else { return nil }
        guard let number = Int64(digits) else { return .some(nil) }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return .some(overflow ? nil : product)
    }
}
