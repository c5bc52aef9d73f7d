// Refused attempts by their source, as many sources as are worth a look: bounded, whoever calls. Pure.
package import Admission

package struct RefusalSummary {
    package struct Kind: Hashable, Sendable {
        package var channel: Channel
        package var reason: Reason
    }

    package struct Source: Sendable {
        package var ip: IPAddress
        package var attempts: Int64 = 0
        package var kinds: [Kind: Int64] = [:]
        package var first: Instant
        package var last: Instant
        /// The listed entry that begins with the most of the same bits, and how many these are; all of them for an address in
        /// the entry's block. nil when no list has an address of the family.
        package var nearest: (entry: SourceEntry, bits: Int)?

        /// Bits of an address.
        package var width: Int { ip.isIPv4 ? 32 : 128 }
        package var isListed: Bool { nearest?.bits == width }
        package var isNear: Bool { nearest?.entry.isNear(ip) ?? false }

        /// For comparing addresses of both families.
        fileprivate var rank: Int { (nearest?.bits ?? 0) * (ip.isIPv4 ? 4 : 1) }
    }

    /// Sources that are kept; the farthest and rarest are let go of first.
    static let most = 4096

    private let entries: [SourceEntry]
    private var sources: [IPAddress: Source] = [:]
    /// Attempts of sources that were let go of.
    package private(set) var forgotten: Int64 = 0

    /// - Parameter entries: what is listed.
    package init(entries: [SourceEntry]) { self.entries = entries }

    package mutating func add(
        _ ip: IPAddress, _ kind: Kind, count: Int64 = 1, first: Instant, last: Instant
    ) {
        var source = sources[ip] ?? Source(ip: ip, first: first, last: last, nearest: nearest(to: ip))
        source.attempts += count
        source.kinds[kind, default: 0] += count
        (source.first, source.last) = (min(source.first, first), max(source.last, last))
        sources[ip] = source
        if sources.count > Self.most { shrink() }
    }

    /// The nearest first; of equally near ones those that came most often.
    package var sorted: [Source] {
        sources.values.sorted { ($0.rank, $0.attempts, $1.ip) > ($1.rank, $1.attempts, $0.ip) }
    }

    private mutating func shrink() {
        let kept = sorted.prefix(Self.most / 2)
        let all = sources.values.reduce(0) { $0 + $1.attempts }
        sources = Dictionary(uniqueKeysWithValues: kept.map { ($0.ip, $0) })
        forgotten += all - kept.reduce(0) { $0 + $1.attempts }
    }

    private func nearest(to ip: IPAddress) -> (entry: SourceEntry, bits: Int)? {
        var best: (entry: SourceEntry, bits: Int)?
        for entry in entries {
            guard let common = ip.commonBits(with: entry.cidr.base) else { continue }
            let bits = entry.cidr.contains(ip) ? (ip.isIPv4 ? 32 : 128) : min(common, entry.cidr.prefix)
            if bits > best?.bits ?? -1 { best = (entry, bits) }
        }
        return best
    }
}
