// What a firewall should let through, in no firewall's language: named groups of ports and the blocks that may use
// them. Plans are made from source lists (ingress) or rule books (egress); formats only spell them out.
package import Admission

package enum FirewallDirection: String, Sendable, CaseIterable { case ingress, egress }

/// Why nothing is exported: what is wrong and what to do.
package struct ExportRefusal: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

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

        package func peers(_ family: AddressFamily) -> [Peer] {
            peers.filter { $0.block.base.isIPv4 == (family == .v4) }
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

    /// Sorted, blocks once, without blocks that lie within others; origins of what is left out are kept.
    static func merged(_ peers: [Peer]) -> [Peer] {
        let order = peers.sorted {
            ($0.block.base.isIPv4 ? 0 : 1, $0.block.prefix, $0.block.base, $0.origin)
                < ($1.block.base.isIPv4 ? 0 : 1, $1.block.prefix, $1.block.base, $1.origin)
        }
        var kept: [(block: CIDRBlock, origins: [String])] = []
        for peer in order {
            if let index = kept.firstIndex(where: { $0.block.contains(peer.block.base) }) {
                if !kept[index].origins.contains(peer.origin) { kept[index].origins.append(peer.origin) }
            } else {
                kept.append((peer.block, [peer.origin]))
            }
        }
        return kept.map { Peer(block: $0.block, origin: $0.origins.sorted().joined(separator: ", ")) }
            .sorted { ($0.block.base, $0.block.prefix) < ($1.block.base, $1.block.prefix) }
    }
}

package enum AddressFamily: String, Sendable, CaseIterable {
    case v4, v6

    var digit: String { self == .v4 ? "4" : "6" }
    /// `ipv4`, `ipv6`.
    var word: String { "ip" + rawValue }
}
