// Finds every block that holds an address, in time that grows with the logarithm of their number. It knows
// positions, not entries: the same table serves the policy and the trusted proxies.

/// CIDR blocks nest or are disjoint, never half overlap. So the blocks that hold an address are the last
/// block that begins at or before it and that block's ancestors, as far as they reach.
struct BlockTable: Sendable {
    private struct Node {
        var last: UInt128
        /// The next wider block, -1 for none.
        var parent: Int32
        /// Where this block's positions lie in `positions`.
        var start: Int32
        var end: Int32
    }

    /// One family. Separate because by value `::/64` spans the IPv4 range, and must not match IPv4.
    private struct Family {
        /// First addresses, ascending: alone in their array so that the search stays in few cache lines.
        var firsts: [UInt128] = []
        var nodes: [Node] = []
        var positions: [Int32] = []

        init(_ blocks: [(position: Int, block: CIDRBlock)]) {
            let sorted = blocks.sorted {
                ($0.block.base.value, $0.block.prefix, $0.position)
                    < ($1.block.base.value, $1.block.prefix, $1.position)
            }
            var open: [Int32] = []
            var previous: CIDRBlock?
            for (position, block) in sorted {
                if block != previous {
                    let first = block.base.value
                    while let top = open.last, nodes[Int(top)].last < first { open.removeLast() }
                    let start = Int32(positions.count)
                    firsts.append(first)
                    nodes.append(Node(last: block.last, parent: open.last ?? -1, start: start, end: start))
                    open.append(Int32(nodes.count - 1))
                    previous = block
                }
                positions.append(Int32(position))
                nodes[nodes.count - 1].end += 1
            }
        }

        @inline(__always)
        func forEach(holding value: UInt128, _ body: (Int) -> Void) {
            var low = 0
            var high = firsts.count
            while low < high {
                let middle = (low + high) / 2
                if firsts[middle] <= value { low = middle + 1 } else { high = middle }
            }
            var index = low - 1
            while index >= 0 {
                let node = nodes[index]
                if value <= node.last {
                    for at in Int(node.start)..<Int(node.end) { body(Int(positions[at])) }
                }
                index = Int(node.parent)
            }
        }
    }

    private let ipv4: Family
    private let ipv6: Family

    init(_ blocks: [CIDRBlock]) {
        let numbered = blocks.enumerated().map { (position: $0.offset, block: $0.element) }
        ipv4 = Family(numbered.filter { $0.block.base.isIPv4 })
        ipv6 = Family(numbered.filter { !$0.block.base.isIPv4 })
    }

    /// Calls `body` with the position of every block that holds `ip`, narrowest block first.
    @inline(__always)
    func forEach(holding ip: IPAddress, _ body: (Int) -> Void) {
        if ip.isIPv4 { ipv4.forEach(holding: ip.value, body) } else { ipv6.forEach(holding: ip.value, body) }
    }

    func holds(_ ip: IPAddress) -> Bool {
        var found = false
        forEach(holding: ip) { _ in found = true }
        return found
    }
}
