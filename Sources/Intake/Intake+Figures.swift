// What an intake tells /metrics of itself.
import Synchronization

extension Intake {
    func addFigures() {
        gauges.add("dropgate_held_events", "Events of unlisted sources in quarantine.") { [weak self] in
            self.map { [Gauges.Reading(Int64($0.held.withLock(\.events)))] } ?? []
        }
        gauges.add(
            "dropgate_attempts_total",
            "Attempts since the start, by channel, verdict and reason; without probes and what the gate did itself.",
            kind: .counter
        ) { [weak self] in self?.counters.readings ?? [] }
        gauges.add(
            "dropgate_unstaged_events",
            "Accepted events that are not yet in ready/; they are durable in the ledger."
        ) {
            [weak self] in self.map { [Gauges.Reading(Int64($0.stager.waiting))] } ?? []
        }
        gauges.add("dropgate_free_bytes", "Bytes free on the filesystem of a directory.") { [weak self] in
            self?.space.free().map { Gauges.Reading($0.space.bytes, labels: [("directory", $0.name)]) } ?? []
        }
        gauges.add("dropgate_free_inodes", "Inodes free on the filesystem of a directory.") { [weak self] in
            self?.space.free().map { Gauges.Reading($0.space.inodes, labels: [("directory", $0.name)]) } ?? []
        }
        let reserve = configuration.reserveBytes
        gauges.add("dropgate_reserve_bytes", "Free bytes below which nothing is accepted.") {
            [Gauges.Reading(reserve)]
        }
    }
}
