// Decides which rejections get an entry of their own and which are counted into one: exact counts, bounded
// memory, bounded writes. Pure: time comes in, attempts to write come out.
import Admission
import Ledger

/// Counts repeated rejections of one source and reason. In every window the first few attempts of a kind pass
/// as they are; the rest become one entry with `count`, `first` and `last`.
struct FloodCoalescer {
    /// Attempts of one kind that pass unchanged in one window.
    static let passingPerWindow = 10
    /// Length of a window, in microseconds.
    static let window: Int64 = 10_000_000
    /// Kinds that are told apart at once; beyond, sources are no longer told apart.
    static let mostKinds = 10_000

    private struct Kind: Hashable {
        var kind: EntryKind
        var channel: Channel?
        var reason: Reason
        var source: IPAddress?
        var account: String?
    }

    private struct Count {
        var opened: Instant
        var passed = 0
        /// Stands for the attempts that did not pass; nil while all did.
        var held: Attempt?
    }

    private var counts: [Kind: Count] = [:]

    /// Takes one rejection. Returns what to write now, if anything.
    mutating func take(_ attempt: Attempt, at now: Instant, passes: Bool) -> Attempt? {
        var kind = Kind(
            kind: attempt.kind, channel: attempt.channel, reason: attempt.reason, source: attempt.source?.ip,
            account: attempt.account)
        if counts[kind] == nil, counts.count >= Self.mostKinds {
            kind.source = nil
            kind.account = nil
        }
        var count = counts[kind] ?? Count(opened: now)
        defer { counts[kind] = count }
        if passes, count.held == nil, count.passed < Self.passingPerWindow {
            count.passed += 1
            return attempt
        }
        count.held = Self.merge(attempt, into: count.held, at: now, namesSource: kind.source != nil)
        return nil
    }

    /// The coalesced entries of windows that have ended by `now`; `all` takes the unfinished ones too.
    mutating func flush(at now: Instant, all: Bool = false) -> [Attempt] {
        var ended: [Attempt] = []
        for (kind, count) in counts
        where all || now.microseconds - count.opened.microseconds >= Self.window {
            if let held = count.held { ended.append(held) }
            counts[kind] = nil
        }
        return ended.sorted { ($0.first ?? now) < ($1.first ?? now) }
    }

    /// Adds one attempt (which may itself be a count) to those held.
    private static func merge(
        _ attempt: Attempt, into held: Attempt?, at now: Instant, namesSource: Bool
    ) -> Attempt {
        var merged = held ?? attempt
        if held == nil {
            merged.count = 0
            merged.first = attempt.first ?? now
            // What differs from one attempt to the next is not said of all of them.
            merged.source = namesSource ? attempt.source.map { Endpoint(ip: $0.ip) } : nil
            merged.peer = attempt.peer.flatMap { $0.ip == attempt.source?.ip ? nil : Endpoint(ip: $0.ip) }
            if !namesSource { merged.account = nil }
            merged.request = nil
            merged.drop = nil
            merged.detail = ["coalesced": .bool(true)]
        }
        merged.count += attempt.count
        merged.last = attempt.last ?? now
        return merged
    }
}
