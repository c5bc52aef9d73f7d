// Commands for firewalld (firewall-cmd(1), firewalld.policies(5)): ipsets and one policy that looks at Dropgate's ports
// before the zones do and leaves everything else to them.
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
        for group in plan.groups {
            for family in AddressFamily.allCases { text += set(group, family) }
        }
        text += "$cmd --new-policy=\(policy)\n"
        text += "$cmd --policy=\(policy) --set-target=CONTINUE\n$cmd --policy=\(policy) --set-priority=-10\n"
        text += "$cmd --policy=\(policy) --add-ingress-zone=\(isIngress ? "ANY" : "HOST")\n"
        text += "$cmd --policy=\(policy) --add-egress-zone=\(isIngress ? "HOST" : "ANY")\n"
        for group in plan.groups {
            for port in group.ports { text += rules(group, port, policy, isIngress: isIngress) }
        }
        return text
    }

    /// ipset names have at most 31 bytes (ipset(8)).
    private static func name(_ group: FirewallPlan.Group, _ family: AddressFamily) -> String {
        "dg-" + String(group.title.prefix(24)) + "-" + family.digit
    }

    private static func set(_ group: FirewallPlan.Group, _ family: AddressFamily) -> String {
        let name = name(group, family)
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
        _ group: FirewallPlan.Group, _ port: PortRange, _ policy: String, isIngress: Bool
    ) -> String {
        let match = "port port=\"\(port.ports())\" protocol=\"\(port.transport.rawValue)\""
        var text = ""
        for family in AddressFamily.allCases where !group.peers(family).isEmpty {
            let side = isIngress ? "source" : "destination"
            text += "$cmd --policy=\(policy) --add-rich-rule='rule family=\"\(family.word)\" "
            text += "\(side) ipset=\"\(name(group, family))\" \(match) accept'\n"
        }
        if isIngress {
            text += "$cmd --policy=\(policy) --add-rich-rule='rule priority=\"10\" \(match) drop'\n"
        }
        return text
    }
}
