// The family of probes: each does what VSee's side does, and says which step fails and why.
import ArgumentParser

struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Call a gate as VSee does, and say which step fails and why.",
        discussion: """
            A probe needs no settings: run it from any machine that may reach the gate. Each step is timed, \
            and every problem is reported with the next thing to do.

            The gate treats a probe like any other caller. On the gate's own machine, a probe that finds the gate's settings \
            ($DROPGATE_CONFIG, ./Config/dropgate.yaml, /etc/dropgate/dropgate.yaml) and may use its control socket is \
            recorded with kind probe, whatever was decided, and is left out of all metrics and reports.

            EXIT STATUS
              0 reached (warnings included)   1 not reached   64 wrong usage
              With --format nagios: 0 OK   1 WARNING   2 CRITICAL   3 UNKNOWN
            """,
        subcommands: [
            ProbeWebhookCommand.self, ProbeSFTPCommand.self,
        ])
}
