// Attempts by the hour over the last days, for charts that are looked at again and again: entries are counted once, the newest first,
// beside whoever asks, and what comes after that is added.
package import Admission
import Blocking
package import Ledger
import Synchronization

package final class Activity: Sendable {
    /// Attempts of an hour by verdict, by hours since 1970.
    package typealias Hours = [Int64: [Verdict: Int64]]

    package struct Counts: Sendable {
        package fileprivate(set) var hours: Hours = [:]
        /// Whether everything that it reaches is in it.
        package fileprivate(set) var isComplete = false
    }

    private struct State {
        var counts = Counts()
        /// Entries of this range are in it.
        var counted: Range<Int64>?
        /// The first entry that is wanted.
        var first: Int64 = 0
    }

    package static let hour: Int64 = 3_600_000_000
    /// How far back it counts.
    package static let reach = Duration.seconds(31 * 86_400)

    private let ledger: LedgerHandle
    private let piece: Int64
    private let soon: Int64
    private let state = Mutex(State())
    private let counting = SideTask(label: "activity")

    /// - Parameters:
    ///   - piece: entries that are counted at once, beside who asks.
    ///   - soon: entries that are counted while somebody waits, at most.
    package init(_ ledger: LedgerHandle, piece: Int64 = 50_000, soon: Int64 = 5_000) {
        self.ledger = ledger
        self.piece = piece
        self.soon = soon
    }

    /// What is counted by now. It looks at few entries, and has the others counted beside. Throws `LedgerError`.
    package func counts(at now: Instant) throws -> Counts {
        let reader = try ledger.reader()
        let end = try reader.size()
        let begun = try begin(reader, end, now)
        if let counted = begun, end > counted.upperBound, end - counted.upperBound <= soon {
            try count(counted.upperBound..<end, reader)
        }
        let counts = state.withLock { state in
            state.counts.hours = state.counts.hours.filter { $0.key >= Self.oldest(now) }
            let isWhole = state.counted.map { $0.lowerBound <= state.first && $0.upperBound >= end } ?? false
            state.counts.isComplete = isWhole
            return state.counts
        }
        if !counts.isComplete { counting.begin { [self] in await countAll() } }
        return counts
    }

    /// Counts nothing beside any more; returns when that is so.
    package func end() async { await counting.end() }

    /// Says from where on is counted, and returns what is.
    private func begin(
        _ reader: any LedgerReading, _ end: Int64, _ now: Instant
    ) throws -> Range<Int64>? {
        if let counted = state.withLock({ $0.counted }) { return counted }
        let since = Instant(microseconds: Self.oldest(now) * Self.hour)
        let first = try reader.firstSeq(notBefore: since)
        return state.withLock { state in
            if state.counted == nil {
                state.first = first
                state.counted = max(end, first)..<max(end, first)
            }
            return state.counted
        }
    }

    private static func oldest(_ now: Instant) -> Int64 { (now - reach).microseconds / hour }

    /// Until everything is counted that there is: what is newer than what was counted, then what is older.
    private func countAll() async {
        while let next = next() {
            let began = ContinuousClock.now
            do {
                try count(next, ledger.reader())
                // Who calls the gate meanwhile has at least as much of the machine.
                try await Task.sleep(for: began.duration(to: .now))
            } catch { return }
        }
    }

    private func next() -> Range<Int64>? {
        guard let end = try? ledger.reader().size() else { return nil }
        return state.withLock { state in
            guard let counted = state.counted else { return nil }
            if counted.upperBound < end {
                return counted.upperBound..<min(end, counted.upperBound + piece)
            }
            if counted.lowerBound > state.first {
                return max(state.first, counted.lowerBound - piece)..<counted.lowerBound
            }
            return nil
        }
    }

    /// A range at either end of what is counted. Of two who count the same one, the first is right.
    private func count(_ range: Range<Int64>, _ reader: any LedgerReading) throws {
        let tally = try reader.tally(range, of: LedgerPeriod(), step: Self.hour, progress: { _, _ in })
        state.withLock { state in
            guard let counted = state.counted else { return }
            if range.lowerBound == counted.upperBound {
                state.counted = counted.lowerBound..<range.upperBound
            } else if range.upperBound == counted.lowerBound {
                state.counted = range.lowerBound..<counted.upperBound
            } else {
                return
            }
            for (hour, verdicts) in tally.steps {
                state.counts.hours[hour, default: [:]].merge(verdicts, uniquingKeysWith: +)
            }
        }
    }
}
