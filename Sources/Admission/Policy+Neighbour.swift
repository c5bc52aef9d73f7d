// Which entry of the lists an address is near to that none of them holds: an address of VSee's that has changed looks like
// this. The one meaning of "near" for doctor, report and `source explain`; it lets nobody in.

extension SourceEntry {
    /// Whether an address outside of the block is of the same network: /24, or /64 for IPv6.
    package func isNear(_ ip: IPAddress) -> Bool {
        !cidr.contains(ip) && CIDRBlock(networkOf: ip).contains(cidr.base)
    }
}

extension Policy {
    /// The first entry that an address is near to; nil also for an address that an entry holds.
    package func neighbour(of ip: IPAddress) -> SourceEntry? {
        var found: SourceEntry?
        for entry in entries {
            if entry.cidr.contains(ip) { return nil }
            if found == nil, entry.isNear(ip) { found = entry }
        }
        return found
    }
}
