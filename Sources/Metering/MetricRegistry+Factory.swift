// The registry as swift-metrics knows backends: who records something gets a cell of its family. What no code of ours has
// described (a library's) gets a family of its own, without a word of help.
package import CoreMetrics
import Synchronization

extension MetricRegistry: MetricsFactory {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        cell(label, .counter, dimensions) { _ in CounterCell() }
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        aggregate
            ? cell(label, .histogram, dimensions) { HistogramCell(bounds: $0) }
            : cell(label, .gauge, dimensions) { _ in GaugeCell() } as any RecorderHandler
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        cell(label, .histogram, dimensions) { HistogramCell(bounds: $0) }
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    /// The cell with these labels, which is made when it is asked for first. One of another kind than its family counts for
    /// itself alone and is not shown: two kinds under one name would make the whole text invalid.
    private func cell<C: Cell>(
        _ label: String, _ kind: Kind, _ dimensions: [(String, String)], make: ([Double]) -> C
    ) -> C {
        let name = PrometheusText.name(label)
        let labels = dimensions.map { (name: PrometheusText.name($0.0), value: $0.1) }
        return families.withLock { families in
            var family =
                families[name]
                ?? Family(
                    help: "", kind: kind, bounds: kind == .histogram ? Buckets.seconds : [],
                    source: .recorded([]))
            guard family.kind == kind, case .recorded(var all) = family.source else {
                return make(family.bounds)
            }
            let known = all.first { $0.labels.elementsEqual(labels, by: ==) }
            if let cell = known?.cell as? C { return cell }
            let cell = make(family.bounds)
            all.append(Recorded(labels: labels, cell: cell))
            family.source = .recorded(all)
            families[name] = family
            return cell
        }
    }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            for (name, family) in families {
                guard case .recorded(let all) = family.source, all.contains(where: { $0.cell === handler })
                else { continue }
                families[name]?.source = .recorded(all.filter { $0.cell !== handler })
            }
        }
    }
}
