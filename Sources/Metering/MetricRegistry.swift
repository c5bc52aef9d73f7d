// The gate's figures for /metrics: some are asked for when somebody looks, others are added up as things happen, through
// swift-metrics. One registry a gate; it does no I/O.
package import CoreMetrics
import Synchronization

/// Figures by name. Names and labels are the code's own, never from outside but for values of labels, whose number the code
/// bounds.
package final class MetricRegistry: Sendable {
    /// A figure with its labels.
    package struct Reading: Sendable {
        package typealias Labels = [(name: String, value: String)]

        package var labels: Labels
        package var value: Double

        package init(_ value: Double, labels: Labels = []) {
            self.value = value
            self.labels = labels
        }

        package init(_ value: some BinaryInteger, labels: Labels = []) {
            self.init(Double(value), labels: labels)
        }
    }

    /// What a figure does: go up and down, or up alone until the gate starts again, or up alone by the size of what was measured.
    /// Names of counters end in `_total`.
    package enum Kind: String, Sendable { case gauge, counter, histogram }

    enum Source: Sendable {
        /// By the part of the gate that answers.
        case asked([String: @Sendable () -> [Reading]])
        /// Each with its labels, in the order of their making.
        case recorded([Recorded])
    }

    struct Recorded: Sendable {
        var labels: Reading.Labels
        var cell: any Cell
    }

    struct Family: Sendable {
        var help: String
        var kind: Kind
        /// Of a histogram: the upper bounds of its buckets, rising.
        var bounds: [Double] = []
        var source: Source
    }

    let families = Mutex<[String: Family]>([:])

    package init() {}

    /// A figure that is asked for when somebody looks.
    /// - Parameters:
    ///   - name: as `dropgate_ledger_entries`, with its unit (Prometheus, "Metric and label naming").
    ///   - part: which part of the gate answers, where several have a figure of one name; their labels differ.
    ///   - read: must be quick and must not block for long.
    package func add(
        _ name: String, _ help: String, kind: Kind = .gauge, part: String = "",
        read: @escaping @Sendable () -> [Reading]
    ) {
        families.withLock { families in
            var parts = [String: @Sendable () -> [Reading]]()
            if case .asked(let others)? = families[name]?.source { parts = others }
            parts[part] = read
            families[name] = Family(help: help, kind: kind, source: .asked(parts))
        }
    }

    /// Counts up. `name` ends in `_total`.
    package func counter(_ name: String, _ help: String, labels: [(String, String)] = []) -> Counter {
        describe(name, help, .counter)
        return Counter(label: name, dimensions: labels, factory: self)
    }

    /// A histogram of durations, in seconds.
    package func timer(
        _ name: String, _ help: String, labels: [(String, String)] = [], bounds: [Double] = Buckets.seconds
    ) -> Timer {
        describe(name, help, .histogram, bounds)
        return Timer(label: name, dimensions: labels, factory: self)
    }

    /// A histogram of amounts.
    package func recorder(
        _ name: String, _ help: String, labels: [(String, String)] = [], bounds: [Double]
    ) -> Recorder {
        describe(name, help, .histogram, bounds)
        return Recorder(label: name, dimensions: labels, aggregate: true, factory: self)
    }

    private func describe(_ name: String, _ help: String, _ kind: Kind, _ bounds: [Double] = []) {
        families.withLock { families in
            guard families[name] == nil else { return }
            families[name] = Family(help: help, kind: kind, bounds: bounds, source: .recorded([]))
        }
    }

    /// All figures in Prometheus text format 0.0.4, by name.
    package var text: String {
        families.withLock(\.self).sorted { $0.key < $1.key }.map { name, family in
            PrometheusText.header(name, help: family.help, kind: family.kind) + family.samples(name)
        }.joined()
    }
}

extension MetricRegistry.Family {
    fileprivate func samples(_ name: String) -> String {
        switch source {
        case .asked(let parts):
            parts.sorted { $0.key < $1.key }.flatMap { $0.value() }
                .map { PrometheusText.sample(name, $0.labels, $0.value) }.joined()
        case .recorded(let all): all.map { $0.cell.samples(name, $0.labels) }.joined()
        }
    }
}

/// Upper bounds of buckets.
package enum Buckets {
    /// From half a millisecond, less than any disk's sync, to what makes callers give up.
    package static let seconds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
    ]
    /// Of things that come together.
    package static let counts: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
}
