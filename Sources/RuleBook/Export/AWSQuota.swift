// How many rules a security group of AWS takes ("Amazon VPC quotas": inbound or outbound rules per security group, told apart
// by family). A prefix list does not help: it counts as many rules as it may have entries.
import Admission

enum AWSQuota {
    /// Rules of one direction and one family, unless the account's quota was raised.
    static let rules = 60

    /// One for each family that goes beyond. Throws as `portRules` does.
    static func warnings(_ plan: FirewallPlan) throws(RuleBookError) -> [String] {
        let peers = try plan.portRules().flatMap(\.peers)
        return AddressFamily.allCases.compactMap { family in
            let count = peers.filter { $0.peer.block.base.isIPv4 == (family == .v4) }.count
            guard count > rules else { return nil }
            return
                "these are \(count) \(plan.direction.rawValue) rules for \(family == .v4 ? "IPv4" : "IPv6"), and a "
                + "security group of AWS takes \(rules) unless the quota was raised: have AWS raise \"Inbound or outbound "
                + "rules per security group\" (L-0EA8095F), or list larger blocks"
        }
    }
}
