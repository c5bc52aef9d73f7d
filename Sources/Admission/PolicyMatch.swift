// What a policy says about one address on one channel, and which entries say so. The look-up keeps
// positions only; the trace is written when somebody asks for it.

package struct PolicyMatch: Sendable, Hashable {
    /// What one entry whose block holds the address has to say; the highest decides.
    enum Outcome: Int, Sendable, Comparable {
        case none, otherChannel, expired, observed, enforced

        static func < (a: Outcome, b: Outcome) -> Bool { a.rawValue < b.rawValue }
    }

    struct Hit: Sendable, Hashable {
        var position: Int
        var outcome: Outcome
    }

    let best: Outcome
    /// Ids of the entries the verdict rests on, sorted, each once: those that matched, or, for
    /// `entry_expired` and `wrong_channel`, those that would have. Empty for an address in no block.
    package let entries: [String]
    let ip: IPAddress
    let channel: Channel
    let hits: [Hit]
    let loaded: [SourceEntry]

    package var verdict: Verdict {
        switch best {
        case .enforced: .accepted
        case .observed: .observed
        case .none, .otherChannel, .expired: .rejected
        }
    }

    /// `listed`, `not_listed` (also for observed), `entry_expired` or `wrong_channel`. An expired entry for
    /// this channel counts for more than a live one for another: it is what changed.
    package var reason: Reason {
        switch best {
        case .enforced: .listed
        case .observed, .none: .notListed
        case .expired: .entryExpired
        case .otherChannel: .wrongChannel
        }
    }

    /// One line for every entry whose block holds the address, narrowest block first.
    package var trace: [String] {
        if hits.isEmpty {
            return [
                loaded.count == 1
                    ? "\(ip) is not in the only entry" : "\(ip) is in none of the \(loaded.count) entries"
            ]
        }
        return hits.map { hit in
            let entry = loaded[hit.position]
            switch hit.outcome {
            case .enforced: return "\(ip) matches \(entry.summary)"
            case .observed:
                return
                    "\(ip) matches \(entry.summary): observed only, it would be rejected without this entry"
            case .expired:
                return
                    "expired entry \(entry.summary) stopped matching at \(entry.expires?.description ?? "")"
            case .otherChannel, .none:
                return "\(entry.summary) holds \(ip) but is not for the channel \(channel.rawValue)"
            }
        }
    }
}
