// What a firewall should let through, in no firewall's language: named groups of ports and the blocks that may use
// them. Plans are made from source lists (ingress) or rule books (egress); formats only spell them out.
package import Admission

package enum FirewallDirection: String, Sendable, CaseIterable { case ingress, egress }

package struct FirewallPlan: Sendable {
    /// A block, and where it comes from.
    package struct Peer: Sendable, Hashable {
        package var block: CIDRBlock
        /// Printable ASCII.
        package var origin: String
    }

    package struct Group: Sendable {
        /// Small letters, digits and `_`: names of sets, chains and resources derive from it.
        package var name: String
        package var title: String
        package var ports: [PortRange]
        /// Sorted; none lies within another.
        package var peers: [Peer]
        /// Names as documented: for formats that carry names.
        package var servers: [ServerName]
        /// The one address on which the gate listens; nil: all of them, or egress.
        package var listen: IPAddress?
        /// The same for the same channel or row whatever else is exported: where a format numbers its rules.
        package var slot: Int

        package func peers(_ family: AddressFamily) -> [Peer] {
            peers.filter { $0.block.base.isIPv4 == (family == .v4) }
        }

        /// In which packets can come to it.
        var families: [AddressFamily] {
            AddressFamily.allCases.filter { family in listen.map { $0.isIPv4 == (family == .v4) } ?? true }
        }
    }

    package var direction: FirewallDirection
    /// What this was made from: `policy sha256:…`, or the book and the day it was read.
    package var version: String
    /// More lines for people, above the rules.
    package var remarks: [String]
    package var groups: [Group]

    /// The comment lines that begin every export, without comment signs.
    func header(_ notes: [String] = []) -> [String] {
        let subject =
            direction == .ingress
            ? "Who may call in to this gate, as its source lists say." : "What must be let out to VSee."
        return ["dropgate rules export --direction \(direction.rawValue). \(subject)", version] + remarks
            + notes
    }

    /// Every peer of every group, once.
    func allPeers() -> [Peer] { Self.merged(groups.flatMap(\.peers)) }

    /// What a port takes from a block, for firewalls that refuse the same port and block twice.
    struct PortRule {
        var port: PortRange
        /// Titles of the groups, and their peers, sorted.
        var peers: [(titles: String, peer: Peer)]
    }

    /// Every port of every group once, without listen addresses. Throws where leaving those out would let a block in
    /// to a listener that is not for it.
    func portRules() throws(RuleBookError) -> [PortRule] {
        var rules: [PortRule] = []
        for port in groups.flatMap(\.ports) where !rules.contains(where: { $0.port == port }) {
            let sharing = groups.filter { $0.ports.contains(port) }
            let isSplit = direction == .ingress && !Self.haveEqualBlocks(sharing)
            guard !isSplit else {
                let names = sharing.map(\.title).joined(separator: " and ")
                throw RuleBookError(
                    .notExportable,
                    "\(names) share \(port) on two addresses, and this format has rules for ports alone: whoever may "
                        + "use one would reach the other; give each a port of its own, or choose one with --channel"
                )
            }
            let peers = Self.merged(sharing.flatMap(\.peers)).map { peer in
                let using = sharing.filter { $0.peers.contains { peer.block.contains($0.block.base) } }
                return (using.map(\.title).joined(separator: ", "), peer)
            }
            rules.append(PortRule(port: port, peers: peers))
        }
        return rules
    }

    static func haveEqualBlocks(_ groups: [Group]) -> Bool {
        Set(groups.map { $0.peers.map(\.block) }).count <= 1
    }

    /// Sorted, blocks once, without blocks that lie within others; origins of what is left out are kept.
    static func merged(_ peers: [Peer]) -> [Peer] {
        let order = peers.sorted {
            ($0.block.base.isIPv4 ? 0 : 1, $0.block.prefix, $0.block.base, $0.origin)
                < ($1.block.base.isIPv4 ? 0 : 1, $1.block.prefix, $1.block.base, $1.origin)
        }
        var kept: [(block: CIDRBlock, origins: [String])] = []
        for peer in order {
            let origins = peer.origin.split(separator: ", ").map(String.init)
            if let index = kept.firstIndex(where: { $0.block.contains(peer.block.base) }) {
                kept[index].origins += origins
            } else {
                kept.append((peer.block, origins))
            }
        }
        return kept.map { Peer(block: $0.block, origin: Set($0.origins).sorted().joined(separator: ", ")) }
            .sorted { ($0.block.base, $0.block.prefix) < ($1.block.base, $1.block.prefix) }
    }
}

package enum AddressFamily: String, Sendable, CaseIterable {
    case v4, v6

    var digit: String { self == .v4 ? "4" : "6" }
    /// `ipv4`, `ipv6`.
    var word: String { "ip" + rawValue }
}
