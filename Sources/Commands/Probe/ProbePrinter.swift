// Has a gate probed and prints what is found, in the three forms. It knows no protocol.
import ArgumentParser
import Files
import Foundation
import Management
import Reachability

struct ProbePrinter {
    /// Facts of a step share lines up to this width.
    private static let width = 100

    let kind: String
    let format: ProbeFormat

    /// Ends by throwing the exit status when it is not 0.
    func run(_ probe: ProbeService.Probe, _ options: ProbeOptions) async throws {
        let spinner = ProbeSpinner(format)
        let options = ProbeService.announcing(
            options, settings: GateOptions.usual().map { Paths.absolute($0) })
        var lines = LastingOutput(done: nil)
        let tally = try await spinner.around {
            var number = 0
            return try await ProbeService().run(probe, options, notify: { spinner.handle($0) }) { report in
                spinner.clear()
                number += 1
                try lines.print {
                    if format == .json { try Output.json(report.json) }
                    if format == .text, options.count > 1 { try Output.line(Self.line(report, number)) }
                }
                // Nobody could be told of another one.
                return !lines.hasFailed && !Output.isReaderGone
            }
        }
        guard let worst = tally.worst else { return }
        try Output.answer {
            try lines.finish()
            switch format {
            case .json: break
            case .nagios: try Output.line(worst.pluginLine(of: tally))
            case .text:
                if tally.count > 1 { try Output.line(Self.statistics(tally)) }
                try Self.print(worst)
            }
        } then: {
            let status = format == .nagios ? worst.pluginStatus.rawValue : worst.verdict == .critical ? 1 : 0
            if status != 0 { throw ExitCode(status) }
        }
    }

    /// What keeps a probe from starting is, to a monitor, an unknown state in its own form.
    func prepare<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let failure as ManagementError where format == .nagios {
            try Output.answer {
                try Output.line(PluginLine.write(kind, .unknown, failure.description))
            } then: {
                throw ExitCode(PluginStatus.unknown.rawValue)
            }
            throw failure
        }
    }
}

// Text for people.
extension ProbePrinter {
    private static func colour(_ report: ProbeReport) -> Colour {
        switch report.verdict {
        case .ok: .green
        case .warning: .yellow
        case .critical: .red
        }
    }

    private static func line(_ report: ProbeReport, _ number: Int) -> String {
        let word = colour(report)(report.verdict.rawValue)
        let what = report.diagnosis.map { "\($0.code.rawValue): \($0.means)" } ?? report.summary
        return "\(number)  \(word)  \(milliseconds(report.duration))  \(what)"
    }

    private static func statistics(_ tally: ProbeTally) -> String {
        "\(tally.count) probes, \(tally.failed) failed; fastest \(milliseconds(tally.fastest)), median "
            + "\(milliseconds(tally.median)), slowest \(milliseconds(tally.slowest))"
    }

    private static func print(_ report: ProbeReport) throws {
        try Output.line(Colour.bold("\(report.kind) \(report.target)"))
        var table = TextTable(["STEP", "RESULT", "TIME", "SEEN"])
        for step in report.steps {
            let lines = wrapped(step.facts)
            let time = step.outcome == .skipped ? "" : milliseconds(step.duration)
            table.add([step.name, step.outcome.rawValue, time, lines.first ?? ""])
            for line in lines.dropFirst() { table.add(["", "", "", line]) }
        }
        try Output.table(table) { paint($0, $1) }
        let summary = report.summary.isEmpty ? "" : "  \(report.summary)"
        try Output.line(
            "\(colour(report)(report.verdict.rawValue))  \(milliseconds(report.duration))\(summary)")
        for finding in report.findings {
            let colour: Colour = finding.severity == .critical ? .red : .yellow
            try Output.line("\(colour(finding.code.rawValue))  \(finding.means)")
            try Output.line("  next: \(finding.next)")
        }
    }

    private static func paint(_ column: Int, _ cell: String) -> String {
        guard column == 1,
            let outcome = ProbeStep.Outcome(rawValue: cell.trimmingCharacters(in: .whitespaces))
        else { return cell }
        switch outcome {
        case .ok: return Colour.green(cell)
        case .warn: return Colour.yellow(cell)
        case .fail: return Colour.red(cell)
        case .skipped: return Colour.faint(cell)
        }
    }

    private static func wrapped(_ facts: [ProbeStep.Fact]) -> [String] {
        var lines: [String] = []
        for fact in facts {
            let text = "\(fact.name) \(fact.value)"
            if let last = lines.last, last.count + text.count + 2 <= width {
                lines[lines.count - 1] = last + "; " + text
            } else {
                lines.append(text)
            }
        }
        return lines
    }

    /// `0.8 ms`, `1234.5 ms`.
    private static func milliseconds(_ duration: Duration) -> String {
        let tenths = duration.wholeMicroseconds / 100
        return "\(tenths / 10).\(tenths % 10) ms"
    }
}
