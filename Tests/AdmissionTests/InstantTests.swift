// Times in and out, with the platform's gmtime_r as an independent judge.
import Admission
import Foundation
import Testing

@Suite struct InstantTests {
    @Test(
        "reads RFC 3339",
        arguments: [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
            ("2026-11-23T08:15:30.123456Z", "2026-11-23T08:15:30.123456Z"),
            ("2026-11-23T08:15:30.5Z", "2026-11-23T08:15:30.500000Z"),
            ("2026-11-23T08:15:30.000001Z", "2026-11-23T08:15:30.000001Z"),
            ("2026-11-23t08:15:30z", "2026-11-23T08:15:30.000000Z"),
            ("2026-11-23T11:15:30+03:00", "2026-11-23T08:15:30.000000Z"),
            ("2026-11-22T22:45:30.25-09:30", "2026-11-23T08:15:30.250000Z"),
            ("2026-11-23T08:15:30-00:00", "2026-11-23T08:15:30.000000Z"),
            ("2026-11-23", "2026-11-23T00:00:00.000000Z"), ("2024-02-29", "2024-02-29T00:00:00.000000Z"),
            ("2000-02-29", "2000-02-29T00:00:00.000000Z"), ("0000-01-01", "0000-01-01T00:00:00.000000Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ] as [(String, String)])
    func reads(_ text: String, _ written: String) throws {
        #expect(try #require(Instant(rfc3339: text)).description == written)
    }

    @Test(
        "refuses what is not wholly a time",
        arguments: [
            "", "2026", "2026-11", "2026-11-23T", "2026-11-23T08", "2026-11-23T08:15Z", "2026-11-23T08:15:30",
            "2026-11-23 08:15:30Z", "2026-11-23T08:15:30.Z", "2026-11-23T08:15:30.1234567Z", "2026-11-23Z",
            "2026-02-29", "1900-02-29", "2026-04-31", "2026-00-10", "2026-13-10", "2026-11-00", "2026-11-31",
            "2026-11-23T24:00:00Z", "2026-11-23T08:60:00Z", "2026-11-23T08:15:60Z", "26-11-23", "2026-1-23",
            "2026-11-23T08:15:30+3:00", "2026-11-23T08:15:30+0300", "2026-11-23T08:15:30+24:00",
            "2026-11-23T08:15:30+03:60", "2026-11-23T08:15:30Z ", " 2026-11-23", "2026-11-23\n",
            "2026-11-23T08:15:30ZZ", "+026-11-23", "-026-11-23", "２０２６-11-23", "2026/11/23",
            "2026-11-23T08:15:30.123456+03:00 and a very long tail", "2026-11-23T08:15:30,5Z",
            "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01",
        ] as [String])
    func refuses(_ text: String) {
        #expect(Instant(rfc3339: text) == nil)
    }

    @Test("writes what the platform's calendar says, and reads it back")
    func agreesWithPlatform() throws {
        var random = SeededGenerator(seed: 6)
        for _ in 0..<20_000 {
            let microseconds = Int64.random(
                in: -62_167_219_200_000_000...253_402_300_799_999_999, using: &random)
            let instant = Instant(microseconds: microseconds)
            let fraction = ((microseconds % 1_000_000) + 1_000_000) % 1_000_000
            var seconds = time_t((microseconds - fraction) / 1_000_000)
            var parts = tm()
            gmtime_r(&seconds, &parts)
            let numbers = [parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec].map {
                ($0 < 10 ? "0" : "") + String($0)
            }
            let year = String(String(Int(parts.tm_year) + 11_900).suffix(4))
            let expected =
                "\(year)-\(numbers[0])-\(numbers[1])T\(numbers[2]):\(numbers[3]):\(numbers[4])."
                + String(String(fraction + 1_000_000).dropFirst()) + "Z"
            #expect(instant.description == expected)
            #expect(Instant(rfc3339: expected) == instant)
        }
    }

    @Test("adds and subtracts durations, and saturates instead of trapping")
    func calculates() {
        #expect(noon + .seconds(1) == Instant(microseconds: noon.microseconds + 1_000_000))
        #expect(noon - .milliseconds(1500) == Instant(microseconds: noon.microseconds - 1_500_000))
        #expect((noon + .seconds(90)) - noon == .seconds(90))
        #expect(noon - (noon + .seconds(90)) == .seconds(-90))
        #expect(noon + .nanoseconds(999) == noon)
        #expect(noon < noon + .microseconds(1))
        let far = Instant(microseconds: .max)
        let past = Instant(microseconds: .min)
        #expect(far + .seconds(1) == far && past - .seconds(1) == past)
        #expect(noon + .seconds(Int64.max) == far)
        let long = Instant(microseconds: -9_000_000_000_000_000_000)
        #expect(noon - .seconds(Int64.max) < long && noon + .seconds(Int64.min) < long)
        #expect(past + .seconds(Int64.min) == past && past - .seconds(Int64.max) == past)
        #expect(far - past > .zero)
        #expect(!far.description.isEmpty && !past.description.isEmpty)
    }

    @Test("now is this year's time and does not run backwards")
    func tellsTime() throws {
        let first = Instant.now()
        let second = Instant.now()
        #expect(first <= second)
        #expect(try first > #require(Instant(rfc3339: "2024-01-01")))
        #expect(Instant(rfc3339: first.description) == first)
    }

    @Test("is coded as its text")
    func codes() throws {
        let json = try JSONEncoder().encode([noon])
        #expect(try JSONDecoder().decode([Instant].self, from: json) == [noon])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Instant].self, from: Data(#"["yesterday"]"#.utf8))
        }
    }

    @Test("random text is a time or nil, never a crash")
    func survivesNoise() {
        var random = SeededGenerator(seed: 7)
        let shape = Array("2026-11-23T08:15:30.123456+03:00".utf8)
        for _ in 0..<20_000 {
            var bytes = Array(shape.prefix(Int.random(in: 0...shape.count, using: &random)))
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0x20...0x3A, using: &random)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            if let instant = Instant(rfc3339: text) {
                #expect(Instant(rfc3339: instant.description) == instant)
            }
        }
    }
}
