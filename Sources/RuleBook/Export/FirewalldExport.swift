// Commands for firewalld (firewall-cmd(1), firewalld.policies(5)): ipsets and one policy that looks at Dropgate's ports
// before the zones do and leaves everything else to them. firewalld itself lets lo through before any policy.
import Admission

enum FirewalldExport {
    static func text(_ plan: FirewallPlan) -> String {
        let isIngress = plan.direction == .ingress
        let policy = isIngress ? "dropgate-in" : "dropgate-out"
        var text = "#!/bin/sh\n"
        text += plan.comments([
            "Run it as root, then firewall-cmd --reload. FIREWALL_CMD=firewall-offline-cmd is for a firewalld that does",
            "not run. It makes the policy anew each time and touches nothing but \(policy) and its ipsets.",
        ])
        text += "set -e\ncmd=${FIREWALL_CMD:-firewall-cmd --permanent}\n"
        text += "$cmd --delete-policy=\(policy) 2>/dev/null || true\n"
        let groups = plan.groups.enumerated().map {
            (set: "dg-\(isIngress ? "in" : "out")-\($0 + 1)", group: $1)
        }
        for (set, group) in groups {
            text += "# \(set): \(group.title)\n"
            for family in AddressFamily.allCases { text += self.set(set, group, family) }
        }
        text += "$cmd --new-policy=\(policy)\n"
        text += "$cmd --policy=\(policy) --set-target=CONTINUE\n$cmd --policy=\(policy) --set-priority=-10\n"
        text += "$cmd --policy=\(policy) --add-ingress-zone=\(isIngress ? "ANY" : "HOST")\n"
        text += "$cmd --policy=\(policy) --add-egress-zone=\(isIngress ? "HOST" : "ANY")\n"
        for (set, group) in groups {
            for port in group.ports { text += rules(set, group, port, policy, isIngress: isIngress) }
        }
        return text
    }

    /// ipset names have at most 31 bytes (ipset(8)), so they are made of numbers and not of titles.
    private static func name(_ set: String, _ family: AddressFamily) -> String { set + "-" + family.digit }

    private static func set(_ set: String, _ group: FirewallPlan.Group, _ family: AddressFamily) -> String {
        let name = name(set, family)
        var text = "$cmd --delete-ipset=\(name) 2>/dev/null || true\n"
        guard !group.peers(family).isEmpty else { return text }
        text +=
            "$cmd --new-ipset=\(name) --type=hash:net --option=family=\(family == .v4 ? "inet" : "inet6")\n"
        for peer in group.peers(family) {
            text += "$cmd --ipset=\(name) --add-entry=\(peer.block) # \(peer.origin)\n"
        }
        return text
    }

    private static func rules(
        _ set: String, _ group: FirewallPlan.Group, _ port: PortRange, _ policy: String, isIngress: Bool
    ) -> String {
        let here = group.listen.map { "destination address=\"\($0)\" " } ?? ""
        let match = "port port=\"\(port.ports())\" protocol=\"\(port.transport.rawValue)\""
        var text = ""
        for family in AddressFamily.allCases where !group.peers(family).isEmpty {
            let side = isIngress ? "source" : "destination"
            text += "$cmd --policy=\(policy) --add-rich-rule='rule family=\"\(family.word)\" "
            text += "\(side) ipset=\"\(name(set, family))\" \(here)\(match) accept'\n"
        }
        if isIngress {
            // Without a family it is for both.
            let family = group.listen.map { "family=\"\($0.isIPv4 ? "ipv4" : "ipv6")\" " } ?? ""
            text +=
                "$cmd --policy=\(policy) --add-rich-rule='rule priority=\"10\" \(family)\(here)\(match) drop'\n"
        }
        return text
    }
}
