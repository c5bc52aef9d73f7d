// `dropgate doctor`: everything about this gate that can be looked at from here, each line with its fix.
import Admission
import ArgumentParser
import Foundation
import Management
import Reachability

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check this gate: what is well, what is not, and what to do.",
        discussion: """
            Checks settings, accounts, certificates, host keys, webhook secrets, file modes, filesystem, free space, \
            clock, OpenSSH, the limit of open files, that the ledger is where it was and its key is the right one, that the \
            gate runs and what it reports about itself, forwarding, the listeners, when each source was last heard, sources \
            that used to be let in and are refused now, private addresses where a caller's should be, and who was refused in \
            the last 24 hours (addresses that look like a listed one first). Run it as the gate's user, on the gate's \
            machine. It connects to the listeners; the ledger records that. `serve` and `serve --check` make those of the \
            checks that a start depends on. To test whether VSee can reach the gate from outside, use `dropgate probe`.

            Each finding says what was found, since when or how often, and, after the arrow (→), what to do. --format json prints \
            one object per line: area, state (ok, warn, fail), text, and fix if there is something to do.

            EXIT STATUS
              0 no failures (there may be warnings)   1 something fails, or the gate does not run, or it is
              not known whether it runs
              64 wrong usage   78 the settings cannot be read at all
            """)

    @Flag(help: "Show only what is not well.")
    var quiet = false

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() async throws {
        let findings = try await Diagnostics.findings(settings: gate.file())
        let shown = quiet ? findings.filter { $0.state != .ok } : findings
        try Output.answer {
            if output.isJSON {
                for finding in shown { try Output.json(finding.json) }
            } else {
                try show(shown, all: findings)
            }
        } then: {
            if findings.contains(where: { $0.state == .fail }) { throw ExitCode(ExitStatus.no.rawValue) }
        }
    }

    private func show(_ findings: [Finding], all: [Finding]) throws {
        let width = (findings.map(\.area.count).max() ?? 0) + 2
        for finding in findings {
            let colour: Colour =
                switch finding.state {
                case .ok: .green
                case .warn: .yellow
                case .fail: .red
                }
            let area = finding.area.padding(toLength: width, withPad: " ", startingAt: 0)
            let state = finding.state.rawValue.padding(toLength: 5, withPad: " ", startingAt: 0)
            try Output.line(colour(state) + area + UntrustedText.line(finding.text))
            if let fix = finding.fix {
                try Output.line(
                    String(repeating: " ", count: 5 + width) + Colour.faint("→ \(UntrustedText.line(fix))"))
            }
        }
        func count(_ state: Finding.State) -> Int { all.filter { $0.state == state }.count }
        try Output.line(
            "\(count(.ok)) ok, \(Counted.text(count(.warn), "warning", "warnings")), "
                + Counted.text(count(.fail), "failure", "failures"))
    }
}
