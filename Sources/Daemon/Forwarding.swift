// The gate's forwarders, in its health and its figures.
import Admission
import Audit
import Intake
import Logging
import Management
import Settings

struct Forwarding {
    /// The name of the problem in health.
    static let problem = "forwarding"

    let forwarders: [Forwarder]

    init(_ settings: GateSettings, intake: Intake, logger: Logger) throws {
        let (ledger, directory) = (settings.ledgerHandle, settings.forwardDirectory)
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
        if !forwarders.isEmpty { addGauges(intake.gauges) }
    }

    private func addGauges(_ gauges: Gauges) {
        let forwarders = forwarders
        gauges.add("dropgate_forward_waiting_entries", "Entries that are not at the target for certain.") {
            forwarders.compactMap { forwarder in
                forwarder.waiting.map { Gauges.Reading($0, labels: [("forwarder", forwarder.name)]) }
            }
        }
        gauges.add(
            "dropgate_forward_waiting_seconds", "Age of the oldest of these entries; 0 when none waits."
        ) {
            forwarders.map { forwarder in
                let age = forwarder.waitingSince.map { (Instant.now() - $0).components.seconds }
                return Gauges.Reading(max(0, age ?? 0), labels: [("forwarder", forwarder.name)])
            }
        }
    }
}
