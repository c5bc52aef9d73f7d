// An external dynamic list: one address, block or name a line, for firewalls that fetch lists. It has no ports.
import Admission

enum EDLExport {
    static func text(_ plan: FirewallPlan) throws(RuleBookError) -> String {
        guard plan.direction == .egress || FirewallPlan.haveEqualBlocks(plan.groups) else {
            let names = plan.groups.map(\.title).joined(separator: " and ")
            throw RuleBookError(
                .notExportable,
                "\(names) are open to different blocks, and a list has no ports: whoever may use one would reach the "
                    + "other; choose one with --channel")
        }
        let lines: [String]
        if plan.groups.allSatisfy({ $0.peers.isEmpty }) {
            lines = Set(plan.groups.flatMap { $0.servers.map(\.text) }).sorted()
        } else {
            lines = plan.allPeers().map(\.block.description)
        }
        let ports = plan.groups.map { group in
            "\(group.title): \(group.ports.map(\.description).joined(separator: ", "))"
        }
        return plan.comments(ports) + lines.map { $0 + "\n" }.joined()
    }
}
