// Rules for iptables-restore --noflush (iptables-restore(8)), one family a file: a chain of their own, reached from the
// built-in chain for Dropgate's ports only.

enum IPTablesExport {
    static func text(_ plan: FirewallPlan, _ family: AddressFamily) throws(RuleBookError) -> String {
        let isIngress = plan.direction == .ingress
        let chain = isIngress ? "DROPGATE_IN" : "DROPGATE_OUT"
        let tool = family == .v4 ? "iptables-restore" : "ip6tables-restore"
        // A listener without a block of this family is shut in it: left out, it would be open to everybody.
        let groups = plan.groups.filter {
            isIngress ? $0.families.contains(family) : !$0.peers(family).isEmpty
        }
        guard !groups.isEmpty else {
            throw RuleBookError(
                .notExportable,
                (isIngress ? "no listener has an" : "no server has an")
                    + " IP\(family.rawValue) address; export the other --family")
        }
        let other = AddressFamily.allCases.filter { $0 != family }.map(\.rawValue)[0]
        var text = plan.comments([
            "IP\(family.rawValue) only; --family \(other) writes the other file."
                + (isIngress ? " Load both: one alone leaves the ports open in the other family." : ""),
            "Load with \(tool) --noflush FILE. Loading it again refills the chain; the jump to it comes once more and "
                + "does no harm.",
        ])
        text += "*filter\n:\(chain) - [0:0]\n"
        // The machine's connections to its own addresses go over lo as well.
        if isIngress { text += "-A \(chain) -i lo -j RETURN\n" }
        for group in groups {
            for port in group.ports {
                for peer in group.peers(family) {
                    text += "# \(peer.origin)\n-A \(chain)\(here(group)) \(match(port)) "
                    text += "\(isIngress ? "-s" : "-d") \(peer.block) -j ACCEPT\n"
                }
            }
        }
        for group in groups where isIngress {
            for port in group.ports { text += "-A \(chain)\(here(group)) \(match(port)) -j DROP\n" }
        }
        for port in Set(groups.flatMap(\.ports)).sorted(by: Self.precedes) {
            text += "-I \(isIngress ? "INPUT" : "OUTPUT") 1 \(match(port)) -j \(chain)\n"
        }
        return text + "COMMIT\n"
    }

    private static func here(_ group: FirewallPlan.Group) -> String {
        group.listen.map { " -d \($0)" } ?? ""
    }

    private static func match(_ port: PortRange) -> String {
        "-p \(port.transport.rawValue) -m \(port.transport.rawValue) --dport \(port.ports(":"))"
    }

    private static func precedes(_ left: PortRange, _ right: PortRange) -> Bool {
        (left.transport.rawValue, left.first, left.last) < (right.transport.rawValue, right.first, right.last)
    }
}
