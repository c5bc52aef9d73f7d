// Which readings of the clock tell by when entries were written.
import Admission
import Testing

@testable import Ledger

@Suite struct ClockReadingsTests {
    /// Which of the readings count, now being 100.
    private func count(_ readings: [Int64]) -> [Int64] {
        var clock = ClockReadings(now: Instant(microseconds: 100))
        return readings.filter { clock.take(Instant(microseconds: $0)) }
    }

    @Test(
        arguments: [
            ([10, 20, 20, 100], [10, 20, 20, 100]),
            // Ahead, and right again.
            ([10, 900, 20, 30], [10, 20, 30]),
            // Behind, and right again.
            ([10, -700, 20, 30], [10, 20, 30]),
            // Ahead by less than has passed since: what came before it is waited for.
            ([10, 50, 20, 30, 60], [10, 50, 60]),
            // Ahead, behind, right.
            ([900, 20, -700, 901, 30], [20, 30]),
            ([101], []),
        ] as [([Int64], [Int64])])
    func aReadingCountsThatNothingShowsToBeWrong(readings: [Int64], expected: [Int64]) {
        #expect(count(readings) == expected)
    }
}
