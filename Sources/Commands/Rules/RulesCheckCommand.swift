// `dropgate rules check`: tries VSee's network rules from this machine and says row by row what came of it.
import Admission
import ArgumentParser
import Files
import JSON
import Ledger
import Management
import RuleBook
import Settings

struct RulesCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Try the network rules from this machine.",
        discussion: """
            TCP: a connection, and on port 443 a TLS handshake with a verified certificate. UDP 3478: a STUN binding \
            request (RFC 8489). Other UDP: one datagram, of which nobody can tell whether it arrived. With --proxy: \
            two requests through one CONNECT tunnel, and STUN past the proxy.

            A row whose ports or servers are undocumented is tried as the row it falls back to. A wildcard cannot be \
            tried until --host names a host for it, or for a row: --host messenger-turn=HOST.

            EXIT STATUS
              1 a required row is blocked
            """)

    @Option(help: "How long one attempt may take, as in 5s.")
    var timeout = "5s"

    @Option(help: ArgumentHelp("The HTTP proxy of this network.", valueName: "http://host:port"))
    var proxy: String?

    @Option(
        help: ArgumentHelp("Trust these authorities in place of the system's.", valueName: "pem"),
        completion: .file())
    var ca: String?

    @Option(help: ArgumentHelp("Try this row alone; may be repeated.", valueName: "id"))
    var row: [String] = []

    @OptionGroup var host: HostOptions
    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() async throws {
        let books = try gate.ruleBooks()
        let checker = try checker(books)
        var results: [CheckResult] = []
        let progress = Progress("trying the rules")
        for book in books {
            results += await checker.run(book) { progress.show(Int64($0), of: Int64($1)) }
        }
        progress.end()
        let failed = results.filter(\.isFailure).map(\.id)
        if output.isJSON {
            Output.json([
                "ok": .bool(failed.isEmpty), "failed": .array(failed.map(JSONValue.string)),
                "rows": .array(results.map(\.json)),
            ])
        } else {
            show(results, failed)
        }
        if !failed.isEmpty { throw ExitCode(ExitStatus.no.rawValue) }
    }

    private func checker(_ books: [RuleBook]) throws -> RuleChecker {
        var options = RuleChecker.Options()
        guard let timeout = Quantity.duration(timeout), timeout >= .seconds(1), timeout <= .seconds(60) else {
            throw ValidationError("--timeout: write 1s to 60s")
        }
        options.timeout = timeout
        if let proxy {
            guard let address = ProxyAddress(proxy) else {
                throw ValidationError("--proxy \(proxy): write http://HOST:PORT")
            }
            options.proxy = address
        }
        let known = books.flatMap { book in
            book.rows.map(\.id) + book.proxy.map(\.id) + book.outbound.map(\.id)
        }
        if let wrong = row.first(where: { !known.contains($0) }) {
            throw ValidationError("--row \(wrong): there is no such row; see `dropgate rules list`")
        }
        options.rows = Set(row)
        options.hosts = try host.map(for: books)
        options.authorities = ca.map(Paths.absolute)
        do {
            return try RuleChecker(options)
        } catch {
            throw ManagementError(
                .configuration, "\(ca ?? "the system's authorities") cannot be used: \(error)")
        }
    }

    private func show(_ results: [CheckResult], _ failed: [String]) {
        var table = TextTable(["ROW", "RESULT", "PURPOSE", "WHAT WAS SEEN"])
        for result in results {
            let mark = result.isOptional && result.outcome == .blocked ? " (optional)" : ""
            table.add([
                result.id, result.outcome.rawValue + mark, UntrustedText.line(result.purpose),
                UntrustedText.line(result.detail),
            ])
        }
        let lines = table.lines { column, cell in
            guard column == 1 else { return cell }
            if cell.hasPrefix("ok") { return Colour.green(cell) }
            return cell.hasPrefix("blocked") ? Colour.red(cell) : Colour.yellow(cell)
        }
        for line in lines { Output.line(line) }
        guard failed.isEmpty else {
            return Output.line(Colour.red("blocked: \(failed.joined(separator: ", "))"))
        }
        let tried = results.filter { $0.outcome == .ok }.count
        Output.line("\(tried) of \(results.count) rows proven; no required row is blocked")
    }
}

extension CheckResult {
    var json: JSONValue {
        [
            "id": .string(id), "purpose": .string(purpose), "optional": .bool(isOptional),
            "result": .string(outcome.word), "detail": .string(detail),
            "attempts": .array(
                attempts.map { attempt in
                    [
                        "what": .string(attempt.what), "result": .string(attempt.outcome.word),
                        "detail": .string(attempt.detail),
                    ]
                }),
        ]
    }
}

extension CheckOutcome {
    fileprivate var word: String { self == .noProof ? "no_proof" : rawValue }
}
