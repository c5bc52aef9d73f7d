// A rule book as a firewall plan: what must be let out to VSee. Names stay names unless addresses were looked up for
// them; a wildcard has no addresses that anybody could look up.
package import Admission

package enum EgressPlan {
    /// Which of the document's tables: its simplified rules, or its detailed ones.
    package enum Rules: String, Sendable, CaseIterable { case simplified, detailed }

    /// The rows of a choice.
    package static func rows(_ book: RuleBook, _ rules: Rules, withOptional: Bool) -> [NetworkRule] {
        let kinds: [RuleTable.Kind] =
            rules == .simplified ? [.simplified] : [.messenger, .clinic] + (withOptional ? [.optional] : [])
        return book.tables.filter { kinds.contains($0.kind) }.flatMap(\.rows).filter {
            withOptional || !$0.isOptional
        }
    }

    /// Every concrete host of the rows, sorted: what a look-up must answer.
    package static func hosts(_ book: RuleBook, _ rows: [NetworkRule], _ map: HostMap) -> [String] {
        Set(rows.flatMap { row in book.effective(row).servers.flatMap { map.hosts(for: $0, row: row.id) } })
            .sorted()
    }

    /// `addresses` has what each host of `hosts` was found to be; nil: nothing was looked up.
    package static func make(
        _ book: RuleBook, _ rows: [NetworkRule], _ map: HostMap, addresses: [String: [IPAddress]]?
    ) throws(RuleBookError) -> FirewallPlan {
        var groups: [FirewallPlan.Group] = []
        var remarks: [String] = []
        for row in rows {
            let (ports, servers) = book.effective(row)
            if !row.undocumented.isEmpty {
                let what = row.undocumentedWords.joined(separator: " and ")
                let standIn = row.fallsBackTo.map { "those of \($0) stand in" } ?? "left out"
                remarks.append("\(row.id): \(what) not documented; \(standIn)")
            }
            guard !ports.isEmpty, !servers.isEmpty else { continue }
            var peers: [FirewallPlan.Peer] = []
            if let addresses { peers = try self.peers(row, servers, map, addresses) }
            groups.append(
                FirewallPlan.Group(
                    name: row.id.replacing("-", with: "_"), title: row.id, ports: ports,
                    peers: FirewallPlan.merged(peers), servers: servers,
                    slot: book.rows.firstIndex { $0.id == row.id } ?? 0))
        }
        guard !groups.isEmpty else {
            throw RuleBookError(.notExportable, "no row of \(book.name) is left to export")
        }
        let page = book.document.page.map { ", \($0)" } ?? ""
        let version = "rules \(book.name): \(book.document.title)\(page), read \(book.document.read)"
        if addresses != nil {
            remarks.append(
                "addresses are what the names resolved to when this was written; look them up again")
        }
        return FirewallPlan(
            direction: .egress, version: UntrustedText.line(version), remarks: remarks, groups: groups)
    }

    private static func peers(
        _ row: NetworkRule, _ servers: [ServerName], _ map: HostMap, _ addresses: [String: [IPAddress]]
    ) throws(RuleBookError) -> [FirewallPlan.Peer] {
        var peers: [FirewallPlan.Peer] = []
        for server in servers {
            let hosts = map.hosts(for: server, row: row.id)
            guard !hosts.isEmpty else {
                throw RuleBookError(
                    .notExportable,
                    "\(row.id): \(server) is a wildcard, which no look-up can answer; name the hosts you use with "
                        + "--host '\(server)=HOST', or export a format that carries names: edl, json")
            }
            for host in hosts {
                for address in addresses[host] ?? [] {
                    guard let block = try? CIDRBlock(address.description) else { continue }
                    peers.append(FirewallPlan.Peer(block: block, origin: host))
                }
            }
        }
        guard !peers.isEmpty else {
            throw RuleBookError(
                .notExportable,
                "\(row.id): none of its servers resolved to an address; an empty set is not exported")
        }
        return peers
    }
}
