// The JSON of cloud tools and of Dropgate itself. JSON has no comments, so what the rules were made from stands in
// their descriptions.
import Admission
import JSON

/// For `aws ec2 authorize-security-group-ingress|-egress --ip-permissions file://FILE`.
enum AWSExport {
    /// One permission a port: EC2 refuses a request that has the same port and block twice.
    static func text(_ plan: FirewallPlan) throws(RuleBookError) -> String {
        let permissions = try plan.portRules().map { rule -> JSONValue in
            var members: [String: JSONValue] = [
                "IpProtocol": .string(rule.port.transport.rawValue), "FromPort": .int(Int64(rule.port.first)),
                "ToPort": .int(Int64(rule.port.last)),
            ]
            for (isIPv4, list, key) in [(true, "IpRanges", "CidrIp"), (false, "Ipv6Ranges", "CidrIpv6")] {
                let peers = rule.peers.filter { $0.peer.block.base.isIPv4 == isIPv4 }
                guard !peers.isEmpty else { continue }
                members[list] = .array(
                    peers.map { titles, peer in
                        let text = description(titles, peer) + ". " + plan.version
                        return [key: .string(peer.block.description), "Description": .string(allowed(text))]
                    })
            }
            return .object(members)
        }
        return PlanJSON.line(.array(permissions))
    }

    static func description(_ titles: String, _ peer: FirewallPlan.Peer) -> String {
        allowed("dropgate \(titles): \(peer.origin)")
    }

    /// At most 255 of the characters that AWS takes in descriptions of rules; without those that mean something in HCL.
    private static func allowed(_ text: String) -> String {
        let others = Set(" ._-:/()#,@[]+=&;!*")
        let kept = text.map { $0.isASCII && ($0.isLetter || $0.isNumber || others.contains($0)) ? $0 : "_" }
        return String(kept.prefix(255))
    }
}

/// An ARM template of one network security group's rules (Microsoft.Network/networkSecurityGroups/securityRules).
enum AzureExport {
    /// Priorities go from 100 to 4096; rules of a lower number come first.
    private static let firstPriority = 1000
    private static let lastPriority = 4096
    /// A number for every family and the deny of every transport, used or not: a deployment changes rules by name, and
    /// a number that moved to another name would be taken twice on the way.
    private static let prioritiesEach = 8

    static func text(_ plan: FirewallPlan) throws(RuleBookError) -> String {
        let slots = (lastPriority - firstPriority + 1) / prioritiesEach
        guard plan.groups.allSatisfy({ $0.slot < slots }) else {
            throw RuleBookError(
                .notExportable, "Azure has priorities for \(slots) rows of rules; export fewer")
        }
        var resources: [JSONValue] = []
        func add(_ name: String, _ priority: Int, _ properties: [String: JSONValue]) {
            var properties = properties
            properties["priority"] = .int(Int64(priority))
            properties["direction"] = plan.direction == .ingress ? "Inbound" : "Outbound"
            properties["sourcePortRange"] = "*"
            resources.append([
                "type": "Microsoft.Network/networkSecurityGroups/securityRules", "apiVersion": "2023-09-01",
                "name": .string("[concat(parameters('networkSecurityGroupName'), '/\(name)')]"),
                "properties": .object(properties),
            ])
        }
        for group in plan.groups {
            for (index, transport) in Transport.allCases.enumerated() {
                let ports = group.ports.filter { $0.transport == transport }
                guard !ports.isEmpty else { continue }
                let name = "dropgate-\(group.title)-\(transport.rawValue)"
                let first = firstPriority + group.slot * prioritiesEach + index * 3
                for (offset, family) in AddressFamily.allCases.enumerated() where !group.peers(family).isEmpty
                {
                    add(
                        "\(name)-\(family.rawValue)", first + offset,
                        allow(plan, group, family, transport, ports))
                }
                if plan.direction == .ingress {
                    add("\(name)-deny", first + 2, deny(group, transport, ports))
                }
            }
        }
        return PlanJSON.line([
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "metadata": ["comments": .array(plan.header().map(JSONValue.string))],
            "parameters": ["networkSecurityGroupName": ["type": "string"]], "resources": .array(resources),
        ])
    }

    private static func allow(
        _ plan: FirewallPlan, _ group: FirewallPlan.Group, _ family: AddressFamily, _ transport: Transport,
        _ ports: [PortRange]
    ) -> [String: JSONValue] {
        let peers = group.peers(family)
        let near = plan.direction == .ingress ? "source" : "destination"
        let far = plan.direction == .ingress ? "destination" : "source"
        let origins = Set(peers.map(\.origin)).sorted().joined(separator: ", ")
        return [
            "access": "Allow", "protocol": transport == .tcp ? "Tcp" : "Udp",
            "description": .string(String("\(group.title): \(origins)".prefix(140))),
            "\(near)AddressPrefixes": .array(peers.map { .string($0.block.description) }),
            "\(far)AddressPrefix": .string(group.listen?.description ?? "*"),
            "destinationPortRanges": .array(ports.map { .string($0.ports()) }),
        ]
    }

    private static func deny(
        _ group: FirewallPlan.Group, _ transport: Transport, _ ports: [PortRange]
    ) -> [String: JSONValue] {
        [
            "access": "Deny", "protocol": transport == .tcp ? "Tcp" : "Udp",
            "description": .string("\(group.title): everybody else"), "sourceAddressPrefix": "*",
            "destinationAddressPrefix": .string(group.listen?.description ?? "*"),
            "destinationPortRanges": .array(ports.map { .string($0.ports()) }),
        ]
    }
}

/// The plan itself, for programs.
enum PlanJSON {
    static func text(_ plan: FirewallPlan) -> String {
        let groups = plan.groups.map { group -> JSONValue in
            var members: [String: JSONValue] = [
                "name": .string(group.title),
                "ports": .array(
                    group.ports.map { port in
                        [
                            "protocol": .string(port.transport.rawValue), "first": .int(Int64(port.first)),
                            "last": .int(Int64(port.last)),
                        ]
                    }),
            ]
            members["listen"] = group.listen.map { .string($0.description) }
            for family in AddressFamily.allCases {
                members[family.word] = .array(
                    group.peers(family).map {
                        ["block": .string($0.block.description), "origin": .string($0.origin)]
                    })
            }
            if plan.direction == .egress {
                members["servers"] = .array(group.servers.map { .string($0.text) })
            }
            return .object(members)
        }
        return line([
            "direction": .string(plan.direction.rawValue), "version": .string(plan.version),
            "remarks": .array(plan.remarks.map(JSONValue.string)), "rules": .array(groups),
        ])
    }

    static func line(_ value: JSONValue) -> String {
        String(decoding: CanonicalJSON.encode(value), as: UTF8.self) + "\n"
    }
}
