// What is added up under one name and one set of labels. Any number of threads may add.
import CoreMetrics
import Synchronization

protocol Cell: AnyObject, Sendable {
    /// Its lines of Prometheus text.
    func samples(_ name: String, _ labels: MetricRegistry.Reading.Labels) -> String
}

final class CounterCell: Cell, CounterHandler {
    private let count = Atomic<Int64>(0)

    /// Stops at the largest number there is. What is not positive counts nothing: a counter does not go down.
    func increment(by amount: Int64) {
        guard amount > 0 else { return }
        var known = count.load(ordering: .relaxed)
        while true {
            let (sum, isTooMuch) = known.addingReportingOverflow(amount)
            let (isDone, found) = count.weakCompareExchange(
                expected: known, desired: isTooMuch ? .max : sum, ordering: .relaxed)
            if isDone { return }
            known = found
        }
    }

    func reset() { count.store(0, ordering: .relaxed) }

    func samples(_ name: String, _ labels: MetricRegistry.Reading.Labels) -> String {
        PrometheusText.sample(name, labels, Double(count.load(ordering: .relaxed)))
    }
}

final class GaugeCell: Cell, RecorderHandler {
    private let value = Mutex(0.0)

    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) { self.value.withLock { $0 = value } }

    func samples(_ name: String, _ labels: MetricRegistry.Reading.Labels) -> String {
        PrometheusText.sample(name, labels, value.withLock(\.self))
    }
}

final class HistogramCell: Cell, RecorderHandler, TimerHandler {
    private struct State {
        /// Of each bucket by itself, the last one without an upper bound.
        var counts: [Int64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    /// - Parameter bounds: upper bounds of buckets, rising.
    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    /// What is no number is in no bucket.
    func record(_ value: Double) {
        guard !value.isNaN else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock {
            $0.counts[bucket] += 1
            $0.sum += value
        }
    }

    func samples(_ name: String, _ labels: MetricRegistry.Reading.Labels) -> String {
        let state = state.withLock(\.self)
        var sum: Int64 = 0
        var text = ""
        for (bound, count) in zip(bounds + [.infinity], state.counts) {
            sum += count
            text += PrometheusText.sample(
                "\(name)_bucket", labels + [("le", PrometheusText.number(bound))], Double(sum))
        }
        return text + PrometheusText.sample("\(name)_sum", labels, state.sum)
            + PrometheusText.sample("\(name)_count", labels, Double(sum))
    }
}
