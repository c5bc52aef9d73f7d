// What an intake tells /metrics of itself.
import Ledger
import Metering
import Synchronization

extension Intake {
    func addFigures() {
        metrics.add("dropgate_accepting", "1 while the gate accepts; /readyz says why not.") { [weak self] in
            self.map { [MetricRegistry.Reading($0.accepts ? 1 : 0)] } ?? []
        }
        metrics.add("dropgate_problem", "1 for each problem that stands, as /readyz has it.") { [weak self] in
            (self?.health.problems.keys.sorted() ?? []).map {
                MetricRegistry.Reading(1, labels: [("problem", $0)])
            }
        }
        metrics.add("dropgate_ledger_waiting_operations", "What waits for its commit of the ledger.") {
            [weak self] in self.map { [MetricRegistry.Reading($0.writer.waiting)] } ?? []
        }
        metrics.add("dropgate_settling_uploads", "Accepted files that settle before their release.") {
            [weak self] in self.map { [MetricRegistry.Reading($0.settler.waiting)] } ?? []
        }
        metrics.add("dropgate_held_events", "Events of unlisted sources in quarantine.") { [weak self] in
            self.map { [MetricRegistry.Reading(Int64($0.held.withLock(\.events)))] } ?? []
        }
        metrics.add(
            "dropgate_attempts_total",
            "Attempts since the start, by channel, verdict and reason; without probes and what the gate did itself.",
            kind: .counter
        ) { [weak self] in self?.counters.readings ?? [] }
        metrics.add(
            "dropgate_unstaged_events",
            "Accepted events that are not yet in ready/; they are durable in the ledger."
        ) {
            [weak self] in self.map { [MetricRegistry.Reading(Int64($0.stager.waiting))] } ?? []
        }
        metrics.add("dropgate_free_bytes", "Bytes free on the filesystem of a directory.") { [weak self] in
            self?.space.free().map {
                MetricRegistry.Reading($0.space.bytes, labels: [("directory", $0.name)])
            } ?? []
        }
        metrics.add("dropgate_free_inodes", "Inodes free on the filesystem of a directory.") { [weak self] in
            self?.space.free().map {
                MetricRegistry.Reading($0.space.inodes, labels: [("directory", $0.name)])
            } ?? []
        }
        let reserve = configuration.reserveBytes
        metrics.add("dropgate_reserve_bytes", "Free bytes below which nothing is accepted.") {
            [MetricRegistry.Reading(reserve)]
        }
    }
}
