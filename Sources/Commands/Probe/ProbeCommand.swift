// The family of probes: each does what VSee's side does, and says which step fails and why.
import ArgumentParser

struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Call a gate as VSee does, and say which step fails and why.",
        discussion: """
            A probe needs no settings: run it from any machine that may reach the gate. Each step is timed, \
            and what is wrong is told with the next thing to do.

            EXIT STATUS
              0 reached (warnings included)   1 not reached   64 usage
              With --format nagios: 0 OK   1 WARNING   2 CRITICAL   3 UNKNOWN
            """,
        subcommands: [
            ProbeWebhookCommand.self, ProbeSFTPCommand.self,
        ])
}
