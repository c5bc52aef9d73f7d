// The family of probes: each does what VSee's side does, and says which step fails and why.
import ArgumentParser

struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Call a gate as VSee does, and say which step fails and why.",
        discussion: """
            A probe needs no settings: run it from any machine that may reach the gate. Each step is timed, \
            and what is wrong is told with the next thing to do.

            The gate decides on a probe as on any caller. On the gate's own machine a probe that finds the gate's settings \
            ($DROPGATE_CONFIG, ./Config/dropgate.yaml, /etc/dropgate/dropgate.yaml) and may use its control socket is \
            recorded as kind probe, whatever was decided, and counts in no figure and no report.

            EXIT STATUS
              0 reached (warnings included)   1 not reached   64 usage
              With --format nagios: 0 OK   1 WARNING   2 CRITICAL   3 UNKNOWN
            """,
        subcommands: [
            ProbeWebhookCommand.self, ProbeSFTPCommand.self,
        ])
}
