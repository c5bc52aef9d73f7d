// `dropgate rules export`: the gate's source lists (ingress) or VSee's network rules (egress) in a firewall's language.
import Admission
import ArgumentParser
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
            and gate agree. egress: what must be let out to VSee, from the network rules.

            Rules name hosts, and most firewalls need addresses: --resolve looks them up now. A wildcard cannot be \
            looked up; --host '*.vsee.qa=HOST' names the hosts that you use.

            EXAMPLES
              dropgate rules export --direction ingress --format nftables --output dropgate.nft
              dropgate rules export --direction egress --format edl
              dropgate rules export --direction egress --rules detailed --format nftables --resolve \
            --host '*.vsee.qa=app.vsee.qa'

            EXIT STATUS
              1 nothing could be exported; stderr says why
            """)

    @Option(help: "ingress: VSee to the gate. egress: you to VSee.")
    var direction: FirewallDirection

    @Option(help: "The format that your firewall reads.")
    var format: ExportFormat

    @Option(
        help: ArgumentHelp("Write to FILE instead of stdout.", valueName: "file"), completion: .file(),
        transform: ArgumentText.notEmpty)
    var output: String?

    @Option(help: "iptables: the address family of the file. Default: v4.")
    var family: AddressFamily?

    @Option(help: "ingress: only this channel; may be repeated.")
    var channel: [Channel] = []

    @Option(help: "egress: the document's simplified or detailed rules.")
    var rules: EgressPlan.Rules = .simplified

    @Flag(help: "egress: include optional rows.")
    var optional = false

    @Flag(help: "egress: look up the addresses of host names now.")
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
        // VSee's own rules need no gate.
        let isGateNeeded = direction == .ingress || gate.locate() != nil
        let settings = try isGateNeeded ? gate.settings() : nil
        let file = try output.map { try OutputFile($0, "--output", of: settings) }
        let text: String
        do {
            let rules = RuleService(settings)
            text = try await rules.export(export, as: format, family: family ?? .v4) {
                Output.note("warning: \($0)")
            }
        } catch let error as ManagementError {
            throw error.asUsage
        }
        if let file { try file.write(text, mode: 0o644) } else { try Output.text(text) }
    }

    private var export: RuleService.Export {
        guard direction == .egress else { return .ingress(channels: channel) }
        var egress = RuleService.Egress()
        (egress.rules, egress.withOptional) = (rules, optional)
        (egress.hosts, egress.looksUp) = (host.hosts, resolve)
        return .egress(egress)
    }
}
