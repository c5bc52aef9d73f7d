// Figures of the gate for /metrics: each is asked for when somebody looks.
import Synchronization

/// Named figures, as the Prometheus text format knows gauges and counters.
package final class Gauges: Sendable {
    /// A figure with its labels; names and labels are the code's own, never from outside but for label values.
    package struct Reading: Sendable {
        package var labels: [(name: String, value: String)] = []
        package var value: Int64

        package init(_ value: Int64, labels: [(name: String, value: String)] = []) {
            self.value = value
            self.labels = labels
        }
    }

    /// What a figure does: go up and down, or up alone until the gate starts again. Names of counters end in `_total`.
    package enum Kind: String, Sendable { case gauge, counter }

    private struct Gauge: Sendable {
        var help: String
        var kind: Kind
        var read: @Sendable () -> [Reading]
    }

    private let gauges = Mutex<[String: Gauge]>([:])

    package init() {}

    /// `name` as `dropgate_ledger_entries`, with its unit; `read` must be quick and must not block for long.
    package func add(
        _ name: String, _ help: String, kind: Kind = .gauge, read: @escaping @Sendable () -> [Reading]
    ) {
        gauges.withLock { $0[name] = Gauge(help: help, kind: kind, read: read) }
    }

    /// Prometheus text exposition format 0.0.4.
    package var text: String {
        gauges.withLock { $0 }.sorted { $0.key < $1.key }.map { name, gauge in
            "# HELP \(name) \(gauge.help)\n# TYPE \(name) \(gauge.kind.rawValue)\n"
                + gauge.read().map { "\(name)\(Self.text($0.labels)) \($0.value)\n" }.joined()
        }.joined()
    }

    private static func text(_ labels: [(name: String, value: String)]) -> String {
        if labels.isEmpty { return "" }
        let pairs = labels.map { label in
            let value = label.value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(label.name)=\"\(value)\""
        }
        return "{\(pairs.joined(separator: ","))}"
    }
}
