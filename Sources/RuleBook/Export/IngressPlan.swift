// The gate's own policy as a firewall plan: the entries in force now, and the ports on which the gate listens. It is
// made from what the gate itself decides by, so that firewall and gate cannot drift apart.
package import Admission
package import Settings

package enum IngressPlan {
    /// Entries in mode observe are in it, because the gate lets them in. Throws when a listener would be left with
    /// nobody: an empty set would shut VSee out, or, read carelessly, let everybody in.
    package static func make(
        policy: Policy, settings: GateSettings, channels: [Channel], at now: Instant
    ) throws(RuleBookError) -> FirewallPlan {
        var groups: [FirewallPlan.Group] = []
        var remarks: [String] = []
        for listener in listeners(settings) where channels.isEmpty || channels.contains(listener.channel) {
            let name = listener.channel.rawValue
            guard listener.port != 0 else {
                throw RuleBookError(
                    .notExportable,
                    "\(name).listen has port 0, which is another port at every start; name a port")
            }
            var peers = try peers(listener, policy, now)
            if !isEveryAddress(listener.ip) {
                peers.removeAll { $0.block.base.isIPv4 != listener.ip.isIPv4 }
            }
            guard !peers.isEmpty else {
                throw RuleBookError(
                    .notExportable,
                    "\(name): no block that opens it is of the family of \(listener.ip), on which it listens, and an "
                        + "empty set would shut everybody out; list one, or leave this channel out with --channel"
                )
            }
            if listener.address.mode.asksProxies {
                remarks.append(
                    "\(name): the gate is behind a proxy (\(listener.address.mode.rawValue)); only the proxy may "
                        + "reach it, and the gate applies the source lists to what the proxy says")
            }
            groups.append(
                FirewallPlan.Group(
                    name: name, title: name, ports: [PortRange(.tcp, listener.port)],
                    peers: FirewallPlan.merged(peers), servers: [],
                    listen: isEveryAddress(listener.ip) ? nil : listener.ip,
                    slot: Channel.allCases.firstIndex(of: listener.channel) ?? 0))
        }
        if let first = groups.first, let other = groups.dropFirst().first(where: { $0.ports == first.ports }),
            first.listen == nil || other.listen == nil || first.listen == other.listen
        {
            throw RuleBookError(
                .notExportable,
                "\(first.title).listen and \(other.title).listen are one port of one address, which two listeners "
                    + "cannot have; give each its own")
        }
        guard !groups.isEmpty else {
            throw RuleBookError(
                .notExportable, "the settings have no such listener; add a webhook or an sftp section")
        }
        return FirewallPlan(
            direction: .ingress, version: "policy \(policy.version)", remarks: remarks, groups: groups)
    }

    private static func isEveryAddress(_ ip: IPAddress) -> Bool {
        ["0.0.0.0", "::"].contains(ip.description)
    }

    private struct Listener {
        var channel: Channel
        var ip: IPAddress
        var port: UInt16
        var address: AddressSettings
    }

    private static func listeners(_ settings: GateSettings) -> [Listener] {
        var listeners: [Listener] = []
        if let webhook = settings.webhook {
            let listen = webhook.listen
            listeners.append(
                Listener(channel: .webhook, ip: listen.ip, port: listen.port, address: webhook.address))
        }
        if let sftp = settings.sftp {
            let listen = sftp.listen
            listeners.append(
                Listener(channel: .sftp, ip: listen.ip, port: listen.port, address: sftp.address))
        }
        return listeners
    }

    private static func peers(
        _ listener: Listener, _ policy: Policy, _ now: Instant
    ) throws(RuleBookError) -> [FirewallPlan.Peer] {
        guard !listener.address.mode.asksProxies else {
            return listener.address.trustedProxies.map {
                FirewallPlan.Peer(block: $0, origin: "trusted proxy")
            }
        }
        let open = policy.entries.filter { $0.channels.contains(listener.channel) }
        let inForce = open.filter { entry in entry.expires.map { $0 > now } ?? true }
        guard !inForce.isEmpty else {
            let why = open.isEmpty ? "no entry opens it" : "every entry that opens it has expired"
            throw RuleBookError(
                .notExportable,
                "\(listener.channel.rawValue): \(why), and an empty set would shut everybody out; see "
                    + "`dropgate source list`, or leave this channel out with --channel")
        }
        return inForce.map { entry in
            let mark = entry.mode == .observe ? " (observed)" : ""
            return FirewallPlan.Peer(block: entry.cidr, origin: UntrustedText.line(entry.id) + mark)
        }
    }
}
