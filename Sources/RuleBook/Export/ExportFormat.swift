// The firewall languages. Each exporter turns a plan into one text, the same for the same plan, and does no I/O.

package enum ExportFormat: String, Sendable, CaseIterable {
    case nftables, iptables, ufw, firewalld, edl
    case terraformAWS = "terraform-aws"
    case awsSG = "aws-sg"
    case azureNSG = "azure-nsg"
    case json

    /// It can name hosts; the others need addresses.
    package var carriesNames: Bool { self == .edl || self == .json }

    /// What whoever applies an export should know before that. Throws as `text` does.
    package func warnings(_ plan: FirewallPlan) throws(RuleBookError) -> [String] {
        switch self {
        case .terraformAWS, .awsSG: try AWSQuota.warnings(plan)
        default: []
        }
    }

    /// `family` is for iptables alone, whose two families have files of their own.
    package func text(_ plan: FirewallPlan, family: AddressFamily = .v4) throws(RuleBookError) -> String {
        let isEmpty = plan.groups.contains { $0.peers.isEmpty && !(carriesNames && !$0.servers.isEmpty) }
        guard !isEmpty, !plan.groups.isEmpty else {
            if plan.direction == .egress {
                throw RuleBookError(
                    .notExportable,
                    "\(rawValue) needs addresses, and the rules name hosts; add --resolve to look them up")
            }
            throw RuleBookError(.notExportable, "an empty set is not exported: it would shut everybody out")
        }
        switch self {
        case .nftables: return NFTablesExport.text(plan)
        case .iptables: return try IPTablesExport.text(plan, family)
        case .ufw: return UFWExport.text(plan)
        case .firewalld: return FirewalldExport.text(plan)
        case .edl: return try EDLExport.text(plan)
        case .terraformAWS: return try TerraformExport.text(plan)
        case .awsSG: return try AWSExport.text(plan)
        case .azureNSG: return try AzureExport.text(plan)
        case .json: return PlanJSON.text(plan)
        }
    }
}

extension FirewallPlan {
    /// Header lines as comments.
    func comments(_ notes: [String] = [], sign: String = "# ") -> String {
        header(notes).map { sign + $0 + "\n" }.joined()
    }
}
