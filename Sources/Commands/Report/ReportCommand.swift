// `dropgate report`: a period of the ledger for the security team, as text, as a page to print, or as JSON.
import Admission
import ArgumentParser
import Audit
import Foundation
import JSON
import Management

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Report on a period: who called, what was decided, what needs attention.",
        discussion: """
            Per source and channel: what was accepted and rejected, with reasons; sources never seen before; entries without \
            traffic, expired or due for review; changes of lists and accounts: what commands asked for, what came into force and \
            whom it refuses; logins; starts, stops and gaps; refused addresses in the same /24 or /64 as a listed one; \
            and whether a NAT hides who called. The default is the last 30 days. The report is recorded as an `access` entry.

            Dates without an offset, today and yesterday are in local time (TZ); the heading gives the period with its offset, \
            and all other times are UTC. If TZ is not known on this machine, the heading says so and uses UTC. The report \
            includes sealed entries, says where the ledger begins, and counts by minute (up to 4 hours), hour (up to 8 days) or day.

            EXAMPLES
              dropgate report
              dropgate report --since 2026-10-01 --until 2026-11-01 --format html --output october.html
              TZ=Asia/Qatar dropgate report --since yesterday --until today
              dropgate report --since 7d --format json | jq .findings
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, html, json }

    @Option(help: ArgumentHelp("From this time on: \(Moment.help).", valueName: "time")) var since: Moment?
    @Option(help: ArgumentHelp("Before this time; written as for --since. Default: now.", valueName: "time"))
    var until: Moment?
    @Option(help: "text for people, html to print or send (one self-contained file), json for programs.")
    var format: Format = .text
    @Option(
        name: [.short, .long], help: ArgumentHelp("Where to write it. Default: stdout.", valueName: "file"),
        transform: ArgumentText.notEmpty)
    var output: String?
    @OptionGroup var remark: CommentOption
    @OptionGroup var gate: GateOptions

    func run() async throws {
        let settings = try gate.settings()
        let file = try output.map { try OutputFile($0, "--output", of: settings) }
        let now = Instant.now()
        let (start, end) = (since?.instant ?? now - .seconds(30 * 86400), until?.instant ?? now)
        guard start < end else {
            throw ValidationError(until == nil ? "--since is in the future" : "--since is not before --until")
        }
        if let warning = LocalTime.here.warning { Output.error(warning, prefix: "warning: ") }
        let progress = Progress("reading")
        let (report, export) = try await ReportService(settings).report(
            of: ReportPeriod(since: start, until: end, place: .here), now: now, format: format.rawValue,
            by: remark.attribution(),
            progress: { progress.show($0, of: $1) }, warn: { Output.note($0) })
        progress.end()
        do { try give(report, to: file) } catch {
            await export.endedInPart(error, reach: ExportReach(bytes: (error as? OutputError)?.written ?? 0))
            throw error
        }
    }

    private func give(_ report: Report, to file: OutputFile?) throws {
        func write(_ text: String) throws {
            if let file { try file.write(text) } else { try Output.text(text) }
        }
        switch format {
        case .text:
            try write(
                ReportText(report).lines { text, severity in
                    switch severity {
                    case .alarm: Colour.red(text)
                    case .warning: Colour.yellow(text)
                    case .note: Colour.faint(text)
                    case nil: Colour.bold(text)
                    }
                }.joined(separator: "\n") + "\n")
        case .html: try write(ReportPage(report).html)
        case .json: try write(String(decoding: CanonicalJSON.encode(report.json()), as: UTF8.self) + "\n")
        }
    }
}
