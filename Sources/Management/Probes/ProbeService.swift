// Calls a gate as VSee does, from any machine that may reach it, and tells which step fails and why. It needs no settings.
package import Reachability

package struct ProbeService: Sendable {
    package enum Probe: Sendable {
        case webhook(WebhookProbe)
        case sftp(SFTPProbe)
    }

    package init() {}

    /// Probes as often as the options say, and returns what it came to. Throws `CancellationError` between two probes.
    /// - Parameters:
    ///   - notify: told of each step as it begins and ends.
    ///   - take: given each report; false ends it.
    package func run(
        _ probe: Probe, _ options: ProbeOptions, notify: @escaping @Sendable (ProbeEvent) -> Void,
        take: (ProbeReport) throws -> Bool
    ) async throws -> ProbeTally {
        var tally = ProbeTally()
        for number in 0..<max(0, options.count) {
            if number > 0 { try await Task.sleep(for: options.interval) }
            let report =
                switch probe {
                case .webhook(let probe): await probe.run(options, notify: notify)
                case .sftp(let probe): await probe.run(options, notify: notify)
                }
            tally.add(report)
            guard try take(report) else { break }
        }
        return tally
    }
}
