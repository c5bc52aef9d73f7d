// RFC 3339 text of an instant, in and out, without Foundation: the ledger writes one per entry, so writing
// is a single allocation. Reading is strict; a text that is not wholly a time is nil.

extension Instant: CustomStringConvertible {
    /// `2026-11-23T08:15:30.123456Z`, always 27 bytes for the years 0 to 9999.
    package var description: String {
        let (seconds, fraction) = Self.divide(microseconds, by: 1_000_000)
        let (day, second) = Self.divide(seconds, by: 86_400)
        let (year, month, dayOfMonth) = Self.civil(day: day)
        guard (0...9999).contains(year) else { return "\(microseconds)us" }
        return String(unsafeUninitializedCapacity: 27) { buffer in
            func put(_ number: Int64, at start: Int, digits: Int) {
                var rest = number
                for index in stride(from: start + digits - 1, through: start, by: -1) {
                    buffer[index] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                }
            }
            put(year, at: 0, digits: 4)
            buffer[4] = UInt8(ascii: "-")
            put(month, at: 5, digits: 2)
            buffer[7] = UInt8(ascii: "-")
            put(dayOfMonth, at: 8, digits: 2)
            buffer[10] = UInt8(ascii: "T")
            put(second / 3600, at: 11, digits: 2)
            buffer[13] = UInt8(ascii: ":")
            put(second / 60 % 60, at: 14, digits: 2)
            buffer[16] = UInt8(ascii: ":")
            put(second % 60, at: 17, digits: 2)
            buffer[19] = UInt8(ascii: ".")
            put(fraction, at: 20, digits: 6)
            buffer[26] = UInt8(ascii: "Z")
            return 27
        }
    }

    /// `2026-11-23T08:15:30.123456Z`, with 0 to 6 fraction digits and `Z` or an offset (`+03:00`), or a bare
    /// date, which is midnight UTC. No leap second, no space for the `T`, nothing before or after, and no moment that an
    /// offset moves out of the years 0 to 9999: nobody could write that one down.
    package init?(rfc3339 text: some StringProtocol) {
        var reader = Reader(bytes: Array(text.utf8.prefix(33)))
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
            let dayOfMonth = reader.number(2), (1...12).contains(month),
            (1...Self.days(inMonth: month, year: year)).contains(dayOfMonth)
        else { return nil }
        let day = Self.day(year: year, month: month, day: dayOfMonth)
        if reader.isAtEnd {
            self.init(microseconds: day * 86_400_000_000)
            return
        }
        guard reader.take("T") || reader.take("t"), let hour = reader.number(2), hour < 24, reader.take(":"),
            let minute = reader.number(2), minute < 60, reader.take(":"), let second = reader.number(2),
            second < 60, let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd
        else { return nil }
        let seconds = day * 86_400 + hour * 3600 + minute * 60 + second - offset
        self.init(microseconds: seconds * 1_000_000 + fraction)
        guard isWritable else { return nil }
    }

    /// Whether it lies in the years 0 to 9999, which a text can tell.
    package var isWritable: Bool { Self.writable.contains(microseconds) }

    /// Those of `isWritable`, in microseconds.
    package static let writable =
        day(year: 0, month: 1, day: 1) * 86_400_000_000..<day(year: 10_000, month: 1, day: 1) * 86_400_000_000

    private struct Reader {
        var bytes: [UInt8]
        var index = 0

        var isAtEnd: Bool { index == bytes.count }

        mutating func take(_ scalar: Unicode.Scalar) -> Bool {
            guard index < bytes.count, bytes[index] == UInt8(ascii: scalar) else { return false }
            index += 1
            return true
        }

        mutating func number(_ digits: Int) -> Int64? {
            guard index + digits <= bytes.count else { return nil }
            var number: Int64 = 0
            for byte in bytes[index..<(index + digits)] {
                guard byte >= 0x30 && byte <= 0x39 else { return nil }
                number = number * 10 + Int64(byte - 0x30)
            }
            index += digits
            return number
        }

        /// Microseconds; 0 when there is no fraction.
        mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            var number: Int64 = 0
            var digits = 0
            while let digit = self.number(1) {
                digits += 1
                guard digits <= 6 else { return nil }
                number = number * 10 + digit
            }
            guard digits > 0 else { return nil }
            for _ in digits..<6 { number *= 10 }
            return number
        }

        /// Seconds east of UTC.
        mutating func offset() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let isWest = take("-")
            guard isWest || take("+"), let hour = number(2), hour < 24, take(":"), let minute = number(2),
                minute < 60
            else { return nil }
            let seconds = hour * 3600 + minute * 60
            return isWest ? -seconds : seconds
        }
    }

    /// Quotient rounded down and a remainder that is never negative.
    private static func divide(_ number: Int64, by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func days(inMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // Proleptic Gregorian calendar in 400 year eras that begin on 1 March, so that the leap day is last:
    // H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil and civil_from_days.
    private static func day(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = divide(shifted, by: 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = divide(day + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}

extension Instant: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let instant = Instant(rfc3339: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not RFC 3339: write 2026-11-23T08:15:30Z or 2026-11-23")
        }
        self = instant
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
