// A whole nftables table of its own (nft(8)). It speaks of Dropgate's ports only, and its policy is accept, so loading
// it can lock nobody out of the machine.
import Admission

enum NFTablesExport {
    static func text(_ plan: FirewallPlan) -> String {
        let isIngress = plan.direction == .ingress
        let table = isIngress ? "dropgate" : "dropgate_egress"
        let notes = [
            "Load with nft -f FILE; it replaces table inet \(table) and touches no other.",
            isIngress
                ? "An accept here does not overrule a drop in another table: let the ports through there as well."
                : "An accept here does not overrule a drop in another table: if yours drops what leaves, use these sets there.",
        ]
        var text = "#!/usr/sbin/nft -f\n" + plan.comments(notes) + "\n"
        text += "table inet \(table)\ndelete table inet \(table)\n\ntable inet \(table) {\n"
        for group in plan.groups {
            for family in AddressFamily.allCases { text += set(group, family) }
        }
        text += "    chain \(isIngress ? "input" : "output") {\n"
        text += "        type filter hook \(isIngress ? "input" : "output") priority -10; policy accept;\n"
        if isIngress {
            // The machine's connections to its own addresses go over lo as well.
            text += "        iifname \"lo\" accept\n"
        }
        for group in plan.groups { text += accepts(group, isIngress: isIngress) }
        if isIngress {
            for group in plan.groups { text += drops(group) }
        }
        return text + "    }\n}\n"
    }

    private static func name(_ group: FirewallPlan.Group, _ family: AddressFamily) -> String {
        "\(group.name)_\(family.rawValue)"
    }

    private static func set(_ group: FirewallPlan.Group, _ family: AddressFamily) -> String {
        let peers = group.peers(family)
        guard !peers.isEmpty else { return "" }
        var text =
            "    set \(name(group, family)) {\n        type \(family.word)_addr\n        flags interval\n"
        text += "        elements = {\n"
        for peer in peers { text += "            \(peer.block), # \(peer.origin)\n" }
        return text + "        }\n    }\n\n"
    }

    private static func accepts(_ group: FirewallPlan.Group, isIngress: Bool) -> String {
        var text = "        # \(group.title)\n"
        for match in matches(group) {
            for family in AddressFamily.allCases where !group.peers(family).isEmpty {
                let address = "\(family == .v4 ? "ip" : "ip6") \(isIngress ? "saddr" : "daddr")"
                text += "        \(match) \(address) @\(name(group, family)) counter accept\n"
            }
        }
        return text
    }

    private static func drops(_ group: FirewallPlan.Group) -> String {
        matches(group).map { "        \($0) counter drop\n" }.joined()
    }

    /// Its ports on its address, a match a transport.
    private static func matches(_ group: FirewallPlan.Group) -> [String] {
        let here = group.listen.map { "\($0.isIPv4 ? "ip" : "ip6") daddr \($0) " } ?? ""
        return Transport.allCases.compactMap { transport in
            let ports = group.ports.filter { $0.transport == transport }.map { $0.ports() }
            guard !ports.isEmpty else { return nil }
            return "\(here)\(transport.rawValue) dport { \(ports.joined(separator: ", ")) }"
        }
    }
}
