// `dropgate rules check`: tries VSee's network rules from this machine and says row by row what came of it.
import Admission
import ArgumentParser
import JSON
import Management
import RuleBook
import Settings

struct RulesCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Try the network rules from this machine.",
        discussion: """
            TCP: a connection, and on port 443 a TLS handshake with a verified certificate. UDP 3478: a STUN binding \
            request (RFC 8489). Other UDP: one datagram; nobody can tell whether it arrived. With --proxy: \
            two requests through one CONNECT tunnel, and STUN past the proxy.

            A row whose ports or servers are undocumented is tried as the row it falls back to. A wildcard cannot be \
            tried until --host names a host for it, or for a row: --host messenger-turn=HOST.

            EXIT STATUS
              1 a required row is blocked, or unresolved (one of its names has no address, so nothing was tried)
            """)

    @Option(help: "How long one attempt may take, as in 5s.")
    var timeout = "5s"

    @Option(help: ArgumentHelp("The HTTP proxy of this network.", valueName: "http://host:port"))
    var proxy: String?

    @Option(
        help: ArgumentHelp(
            "Trust the certificate authorities in this file instead of the system's.", valueName: "pem"),
        completion: .file(), transform: ArgumentText.notEmpty)
    var ca: String?

    @Option(
        help: ArgumentHelp("Try only this row; may be repeated.", valueName: "id"),
        transform: ArgumentText.notEmpty)
    var row: [String] = []

    @OptionGroup var host: HostOptions
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() async throws {
        let rules = try gate.rules()
        let trial = try trial()
        let progress = Progress("trying the rules")
        let results: [CheckResult]
        do {
            results = try await rules.check(trial) { progress.show(Int64($0), of: Int64($1)) }
        } catch let error as ManagementError {
            throw error.asUsage
        }
        progress.end()
        let verdict = CheckVerdict(results)
        let failed = verdict.failed
        try Output.answer {
            if output.isJSON {
                try Output.json([
                    "ok": .bool(failed.isEmpty), "failed": .array(failed.map(JSONValue.string)),
                    "rows": .array(results.map(\.json)),
                ])
            } else {
                try show(results, verdict)
            }
        } then: {
            if !failed.isEmpty { throw ExitCode(ExitStatus.no.rawValue) }
        }
    }

    private func trial() throws -> RuleService.Trial {
        var trial = RuleService.Trial()
        guard let timeout = Quantity.duration(timeout), timeout >= .seconds(1), timeout <= .seconds(60) else {
            throw ValidationError("--timeout: give 1s to 60s")
        }
        trial.timeout = timeout
        if let proxy {
            guard let address = ProxyAddress(proxy) else {
                throw ValidationError("--proxy \(proxy): write http://HOST:PORT")
            }
            trial.proxy = address
        }
        (trial.authorities, trial.rows, trial.hosts) = (ca, row, host.hosts)
        return trial
    }

    private func show(_ results: [CheckResult], _ verdict: CheckVerdict) throws {
        var table = TextTable(["ROW", "RESULT", "PURPOSE", "WHAT WAS SEEN"])
        for result in results {
            let isBad = result.outcome == .blocked || result.outcome == .unresolved
            let mark = result.isOptional && isBad ? " (optional)" : ""
            table.add([
                result.id, result.outcome.rawValue + mark, UntrustedText.line(result.purpose),
                UntrustedText.line(result.detail),
            ])
        }
        try Output.table(table) { column, cell in
            guard column == 1 else { return cell }
            if cell.hasPrefix("ok") { return Colour.green(cell) }
            return cell.hasPrefix("blocked") || cell.hasPrefix("unresolved")
                ? Colour.red(cell) : Colour.yellow(cell)
        }
        for line in verdict.lines {
            try Output.line(verdict.failed.isEmpty ? line : Colour.red(line))
        }
    }
}
