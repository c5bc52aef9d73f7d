// The gate's source lists and VSee's network rules in a firewall's language.
package import Admission
package import RuleBook
import Settings

extension RuleService {
    /// What a firewall should let through.
    package enum Export: Sendable {
        /// Who may call in, by the source lists in force and the ports of the settings.
        /// - `channels`: none: all that have a listener.
        case ingress(channels: [Channel])
        /// What must be let out to VSee, by its network rules.
        case egress(Egress)
    }

    package struct Egress: Sendable {
        package var rules = EgressPlan.Rules.simplified
        package var withOptional = false
        /// As in `Trial`.
        package var hosts: [String] = []
        /// Whether names are looked up now, for firewalls that want addresses.
        package var looksUp = false

        package init() {}
    }

    /// Firewall rules as text. Refused where they would shut somebody out, or let in who is not listed.
    /// - Parameters:
    ///   - family: for iptables alone.
    ///   - warn: told what whoever applies the rules should know before that.
    package func export(
        _ export: Export, as format: ExportFormat, family: AddressFamily = .v4, at now: Instant = .now(),
        warn: (String) -> Void = { _ in }
    ) async throws -> String {
        do {
            let plan =
                switch export {
                case .ingress(let channels): try ingress(channels, now)
                case .egress(let egress): try await self.egress(egress)
                }
            let text = try format.text(plan, family: family)
            for warning in try format.warnings(plan) { warn(warning) }
            return text
        } catch let error as RuleBookError {
            throw ManagementError(
                .refused, "nothing was exported: \(UntrustedText.line("\(error)"))", cause: error)
        }
    }

    private func ingress(_ channels: [Channel], _ now: Instant) throws -> FirewallPlan {
        guard let settings else {
            throw ManagementError(.configuration, "only the settings of a gate say who may call in")
        }
        let policy = try PolicyLoader.load(files: settings.sources)
        return try IngressPlan.make(policy: policy, settings: settings, channels: channels, at: now)
    }

    private func egress(_ egress: Egress) async throws -> FirewallPlan {
        let books = try books()
        let map = try Self.hostMap(egress.hosts, books)
        var plans: [FirewallPlan] = []
        for book in books {
            let rows = EgressPlan.rows(book, egress.rules, withOptional: egress.withOptional)
            let hosts = EgressPlan.hosts(book, rows, map)
            plans.append(
                try EgressPlan.make(
                    book, rows, map, addresses: egress.looksUp ? try await Self.addresses(hosts) : nil))
        }
        guard var plan = plans.first else {
            throw RuleBookError(.notExportable, "there are no network rules")
        }
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

    private static func addresses(_ hosts: [String]) async throws -> [String: [IPAddress]] {
        var addresses: [String: [IPAddress]] = [:]
        for host in hosts { addresses[host] = try await HostLookup.addresses(of: host) }
        return addresses
    }
}
