// Terraform for AWS: one rule resource a block and port of a security group that the caller names, for AWS refuses a
// second one. Names of resources are made of these alone, so that no rule is made anew when a row or channel goes.
import Admission

enum TerraformExport {
    static func text(_ plan: FirewallPlan) throws(RuleBookError) -> String {
        let kind = "aws_vpc_security_group_\(plan.direction.rawValue)_rule"
        var text = plan.comments(try AWSQuota.warnings(plan))
        text += """

            variable "dropgate_security_group_id" {
              description = "The security group of the gate."
              type        = string
            }

            """
        for rule in try plan.portRules() {
            for (titles, peer) in rule.peers { text += resource(kind, titles, rule.port, peer) }
        }
        return text
    }

    private static func resource(
        _ kind: String, _ titles: String, _ port: PortRange, _ peer: FirewallPlan.Peer
    ) -> String {
        let block = peer.block.description.replacing(".", with: "_").replacing("/", with: "_")
            .replacing(":", with: "_")
        let name = "\(port.transport.rawValue)_\(port.ports("_"))_\(block)"
        let cidr = peer.block.base.isIPv4 ? "cidr_ipv4" : "cidr_ipv6"
        return """

            resource "\(kind)" "dropgate_\(name)" {
              security_group_id = var.dropgate_security_group_id
              description       = "\(AWSExport.description(titles, peer))"
              ip_protocol       = "\(port.transport.rawValue)"
              from_port         = \(port.first)
              to_port           = \(port.last)
              \(cidr)         = "\(peer.block)"
            }

            """
    }
}
