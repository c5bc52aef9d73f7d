// `dropgate rules export`: the gate's source lists (ingress) or VSee's network rules (egress) in a firewall's language.
import Admission
import ArgumentParser
import Files
import Foundation
import Management
import RuleBook
import Settings

extension FirewallDirection: ExpressibleByArgument {}
extension ExportFormat: ExpressibleByArgument {}
extension AddressFamily: ExpressibleByArgument {}
extension EgressPlan.Rules: ExpressibleByArgument {}

struct RulesExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write firewall rules.",
        discussion: """
            ingress: who may call in, from the source lists in force and the ports of the settings, so that firewall \
            and gate say the same. egress: what must be let out to VSee, from the network rules.

            Rules name hosts and most firewalls want addresses: --resolve looks them up now. Nobody can look up a \
            wildcard; --host '*.vsee.qa=HOST' names the hosts you use.

            EXAMPLES
              dropgate rules export --direction ingress --format nftables --output dropgate.nft
              dropgate rules export --direction egress --format edl
              dropgate rules export --direction egress --rules detailed --format nftables --resolve \
            --host '*.vsee.qa=app.vsee.qa'

            EXIT STATUS
              1 nothing could be exported: the reason is said
            """)

    @Option(help: "ingress: VSee to the gate. egress: you to VSee.")
    var direction: FirewallDirection

    @Option(help: "The firewall's language.")
    var format: ExportFormat

    @Option(help: ArgumentHelp("Write to FILE in place of stdout.", valueName: "file"), completion: .file())
    var output: String?

    @Option(help: "iptables: the family of the file; v4 unless given.")
    var family: AddressFamily?

    @Option(help: "ingress: this channel alone; may be repeated.")
    var channel: [Channel] = []

    @Option(help: "egress: the document's simplified or detailed rules.")
    var rules: EgressPlan.Rules = .simplified

    @Flag(help: "egress: with optional rows.")
    var optional = false

    @Flag(help: "egress: look up the addresses of names now.")
    var resolve = false

    @OptionGroup var host: HostOptions
    @OptionGroup var gate: GateOptions

    func validate() throws {
        if family != nil, format != .iptables {
            throw ValidationError(
                "--family is for --format iptables; the others have both families in one file")
        }
        if direction == .ingress, resolve || optional || !host.hosts.isEmpty {
            throw ValidationError("--resolve, --optional and --host are for --direction egress")
        }
        if direction == .egress, !channel.isEmpty {
            throw ValidationError("--channel is for --direction ingress")
        }
    }

    func run() async throws {
        let text: String
        do {
            let plan = direction == .ingress ? try ingress() : try await egress()
            text = try format.text(plan, family: family ?? .v4)
        } catch let refusal as ExportRefusal {
            throw ManagementError(.refused, "nothing was exported: \(refusal)")
        } catch let failure as HostLookup.Failure {
            throw ManagementError(.refused, "nothing was exported: \(UntrustedText.line("\(failure)"))")
        }
        guard let output else { return Output.text(text) }
        do {
            try FileReplacement.write(Array(text.utf8), to: Paths.absolute(output), mode: 0o644)
        } catch {
            throw ManagementError(.internalError, "\(error)")
        }
    }

    private func ingress() throws -> FirewallPlan {
        let settings = try gate.settings()
        let policy = try PolicyLoader.load(files: settings.sources)
        return try IngressPlan.make(policy: policy, settings: settings, channels: channel, at: .now())
    }

    private func egress() async throws -> FirewallPlan {
        let books = try gate.ruleBooks()
        let map = try host.map(for: books)
        var plans: [FirewallPlan] = []
        for book in books {
            let rows = EgressPlan.rows(book, rules, withOptional: optional)
            plans.append(
                try EgressPlan.make(
                    book, rows, map, addresses: resolve ? try await addresses(book, rows, map) : nil))
        }
        guard var plan = plans.first else { throw ExportRefusal("there are no network rules") }
        var rowsBefore = books[0].rows.count
        for (book, var other) in zip(books, plans).dropFirst() {
            for index in other.groups.indices { other.groups[index].slot += rowsBefore }
            rowsBefore += book.rows.count
            plan.version += "; " + other.version
            plan.remarks += other.remarks.filter { !plan.remarks.contains($0) }
            plan.groups += other.groups
        }
        return plan
    }

    private func addresses(
        _ book: RuleBook, _ rows: [NetworkRule], _ map: HostMap
    ) async throws -> [String: [IPAddress]] {
        var addresses: [String: [IPAddress]] = [:]
        for host in EgressPlan.hosts(book, rows, map) {
            addresses[host] = try await HostLookup.addresses(of: host)
        }
        return addresses
    }
}
