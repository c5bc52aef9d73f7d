// All loaded source lists as one value: immutable, versioned, and fast enough to ask on every connection.
// It decides on an address alone; how that address was worked out is AddressResolver's business.
package struct Policy: Sendable {
    /// `sha256:` and the hash over the sorted canonical text of all entries: two gates with the same lists
    /// have the same version, whatever the order of files and lines.
    package let version: String
    package let entries: [SourceEntry]
    private let table: BlockTable
    private let rules: [Rule]

    /// What a look-up needs of an entry, without its texts.
    private struct Rule: Sendable {
        var id: String
        var channels: UInt8
        var expires: Int64
        var isObserved: Bool

        init(_ entry: SourceEntry) {
            id = entry.id
            channels = entry.channels.reduce(0) { $0 | Self.bit($1) }
            expires = entry.expires?.microseconds ?? .max
            isObserved = entry.mode == .observe
        }

        static func bit(_ channel: Channel) -> UInt8 {
            switch channel {
            case .webhook: 1
            case .sftp: 2
            case .console: 4
            }
        }

        func outcome(channel: UInt8, now: Int64) -> PolicyMatch.Outcome {
            if channels & channel == 0 { return .otherChannel }
            if now >= expires { return .expired }
            return isObserved ? .observed : .enforced
        }
    }

    package init(entries: [SourceEntry]) throws(PolicyError) {
        guard !entries.isEmpty else {
            throw PolicyError(
                .empty, "the source lists hold no entry: list at least one CIDR block that may call in")
        }
        if let entry = entries.first(where: \.channels.isEmpty) {
            throw PolicyError(
                .noChannels,
                "\(UntrustedText.line(entry.id)) \(entry.cidr) names no channel: write channels: [webhook, sftp]"
            )
        }
        self.entries = entries
        table = BlockTable(entries.map(\.cidr))
        rules = entries.map(Rule.init)
        version = Self.version(ofText: Self.text(of: entries))
    }

    /// Looks up `ip` for `channel`. An entry matches when its block holds the address, it lists the channel,
    /// and `now` is before its expiry. One enforcing match accepts; observing matches alone are observed.
    package func match(_ ip: IPAddress, channel: Channel, at now: Instant) -> PolicyMatch {
        var hits: [PolicyMatch.Hit] = []
        var best = PolicyMatch.Outcome.none
        forEach(holding: ip, channel, now) { position, outcome in
            hits.append(PolicyMatch.Hit(position: position, outcome: outcome))
            best = max(best, outcome)
        }
        var ids: [String] = []
        for hit in hits where hit.outcome == best || (hit.outcome >= .observed && best >= .observed) {
            ids.append(rules[hit.position].id)
        }
        if ids.count > 1 { ids = Array(Set(ids)).sorted() }
        return PolicyMatch(
            best: best, entries: ids, ip: ip, channel: channel, hits: hits, loaded: entries)
    }

    /// Whether `match` would accept or observe, without what explains it.
    package func admits(_ ip: IPAddress, channel: Channel, at now: Instant) -> Bool {
        var admits = false
        forEach(holding: ip, channel, now) { _, outcome in admits = admits || outcome >= .observed }
        return admits
    }

    /// Each entry whose block holds the address, narrowest block first.
    private func forEach(
        holding ip: IPAddress, _ channel: Channel, _ now: Instant, _ body: (Int, PolicyMatch.Outcome) -> Void
    ) {
        let bit = Rule.bit(channel)
        table.forEach(holding: ip) { body($0, rules[$0].outcome(channel: bit, now: now.microseconds)) }
    }
}
