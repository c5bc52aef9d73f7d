// `dropgate doctor`: everything about this gate that can be looked at from here, each line with its fix.
import Admission
import ArgumentParser
import Foundation
import Ledger
import Reachability
import Settings
import TLS

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look over this gate: what is well, what is not, and what to do.",
        discussion: """
            Checks settings, accounts, certificates, host keys, file modes, filesystem, free space, clock, OpenSSH, \
            the limit of open files, the listeners, and when each source was last heard. Run it as the gate's user, \
            on the gate's machine. It connects to the listeners, which the ledger records. `serve` makes the checks \
            that are fatal at every start. Whether VSee can reach the gate from outside: `dropgate probe`.

            Exit status 0: nothing fails (warnings may stand); 1: something fails.
            """)

    @Flag(help: "Only what is not well.")
    var quiet = false

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() async throws {
        let findings = try await examine()
        let shown = quiet ? findings.filter { $0.state != .ok } : findings
        if output.isJSON {
            for finding in shown { Output.json(finding.json) }
        } else {
            show(shown, all: findings)
        }
        if findings.contains(where: { $0.state == .fail }) { throw ExitCode(ExitStatus.no.rawValue) }
    }

    private func examine() async throws -> [Finding] {
        let now = Instant.now()
        let file = try gate.file()
        let basics = OpenSSLCheck.basics()
        // Without its digests nothing else can be looked at.
        guard OpenSSLLibrary.missing.isEmpty else { return basics }
        let (settings, configuration) = try GateCheck.load(file)
        let check = GateCheck(settings: settings, file: file, now: now)
        var findings = basics + configuration + check.accounts() + check.certificates()
        findings += await check.hostKeys()
        findings += FilesystemCheck(settings).findings() + MachineCheck(settings).findings()
        findings += await check.openSSH()
        findings += await check.running()
        findings += sources(settings, now) + check.held()
        return findings
    }

    private func sources(_ settings: GateSettings, _ now: Instant) -> [Finding] {
        do {
            let policy = try PolicyLoader.load(files: settings.sources, isForGate: true)
            let isThere = FileManager.default.fileExists(atPath: settings.ledger.path)
            let reader = isThere ? try LedgerReader(path: settings.ledger.path) : nil
            return try ContactCheck(policy: policy, reader: reader, now: now).findings()
        } catch let errors as SettingsErrors {
            return errors.problems.map {
                Finding("sources", .fail, "\($0)", fix: "mend the list; the old one stays")
            }
        } catch {
            return [Finding("ledger", .fail, "\(error)", fix: "run `dropgate ledger verify`")]
        }
    }

    private func show(_ findings: [Finding], all: [Finding]) {
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
            Output.line(colour(state) + area + OutsideText.line(finding.text))
            if let fix = finding.fix {
                Output.line(
                    String(repeating: " ", count: 5 + width) + Colour.faint("→ \(OutsideText.line(fix))"))
            }
        }
        func count(_ state: Finding.State) -> Int { all.filter { $0.state == state }.count }
        Output.line("\(count(.ok)) ok, \(count(.warn)) warnings, \(count(.fail)) failures")
    }
}
