// The gate's forwarders, in its health and its figures.
import Admission
import Audit
import Intake
import JSON
import Logging
import Management
import Metering
import Settings

struct Forwarding {
    /// The name of the problem in health.
    static let problem = "forwarding"

    let forwarders: [Forwarder]

    init(_ settings: GateSettings, intake: Intake, logger: Logger) throws {
        let (ledger, directory) = (settings.ledgerHandle, settings.layout.forward)
        let health = intake.health
        func report(_ name: String) -> Forwarder.Report {
            { message in
                if let message {
                    health.set(problem: Self.problem, of: name, message: message)
                } else {
                    health.clear(problem: Self.problem, of: name)
                }
            }
        }
        forwarders = try [
            settings.forward.syslog.map {
                try Forwarder.syslog(
                    $0, ledger: ledger, directory: directory, logger: logger, report: report("syslog"))
            },
            settings.forward.file.map {
                try Forwarder.file(
                    $0, ledger: ledger, directory: directory, logger: logger, report: report("file"))
            },
        ].compactMap { $0 }
        if !forwarders.isEmpty { addMetrics(intake.metrics) }
    }

    /// How each of them stands. It looks into the ledger.
    var states: [ForwarderState] { forwarders.map(\.state) }

    /// What `/readyz` tells of them.
    var details: [String: JSONValue] {
        forwarders.isEmpty ? [:] : ["forwarding": .array(states.map(\.json))]
    }

    private func addMetrics(_ metrics: MetricRegistry) {
        let forwarders = forwarders
        metrics.add("dropgate_forward_waiting_entries", "Entries that are not at the target for certain.") {
            forwarders.compactMap { forwarder in
                forwarder.waiting.map { MetricRegistry.Reading($0, labels: [("forwarder", forwarder.name)]) }
            }
        }
        metrics.add(
            "dropgate_forward_waiting_seconds", "Age of the oldest of these entries; 0 when none waits."
        ) {
            forwarders.map { forwarder in
                let age = forwarder.waitingSince.map { (Instant.now() - $0).components.seconds }
                return MetricRegistry.Reading(max(0, age ?? 0), labels: [("forwarder", forwarder.name)])
            }
        }
        func add(_ name: String, _ help: String, _ read: @escaping @Sendable (Forwarder) -> Int64) {
            metrics.add(name, help) {
                forwarders.map { MetricRegistry.Reading(read($0), labels: [("forwarder", $0.name)]) }
            }
        }
        add("dropgate_forward_failing", "1 while nothing gets through to the target.") {
            $0.isFailing ? 1 : 0
        }
        add(
            "dropgate_forward_success_timestamp_seconds",
            "When something was confirmed last, or nothing waited; 0 before the first since the start."
        ) { ($0.succeeded?.microseconds ?? 0) / 1_000_000 }
        add(
            "dropgate_forward_failure_timestamp_seconds",
            "When forwarding failed last; 0 before the first since the start."
        ) { ($0.failed?.microseconds ?? 0) / 1_000_000 }
    }
}
