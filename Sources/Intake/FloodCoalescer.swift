// Decides which rejections get an entry of their own and which are counted into one: exact counts, bounded
// memory, bounded writes. Pure: time comes in, attempts to write come out.
import Admission
import JSON
import Ledger

/// Counts repeated rejections. In every window the first few of one source, account and reason pass as they are, and the
/// rest become one entry with `count`, `first` and `last`. All that pass share a budget, one for listed sources and one
/// for the others; what comes beyond it is counted by the network that it comes from.
///
/// So a window has at most `burst + entriesPerSecond * 10` entries of their own, as many counts of them, `mostNetworks`
/// counts of networks and a few of everything else, for each of the two budgets, whatever comes from however many
/// addresses.
struct FloodCoalescer {
    /// Attempts of one kind that pass unchanged in one window.
    static let passingPerWindow = 10
    /// Length of a window, in microseconds.
    static let window: Int64 = 10_000_000
    /// Entries of their own that may come at once after a quiet time, and each second after that. An entry of more than
    /// 1 KiB counts as one for each.
    static let burst = 100.0
    static let entriesPerSecond = 10.0
    /// Networks that are told apart in one window; beyond, only reasons are.
    static let mostNetworks = 100

    /// Whose attempts are counted together.
    private enum Scope: Hashable {
        case source(IPAddress?, account: String?)
        case network(CIDRBlock)
        case anywhere
    }

    private struct Kind: Hashable {
        var kind: EntryKind
        var channel: Channel?
        /// Accepted ones come here when the ledger could not be written.
        var verdict: Verdict
        var reason: Reason
        var isListed: Bool
        var scope: Scope
    }

    private struct Count {
        var opened: Instant
        var passed = 0
        /// Stands for the attempts that did not pass; nil while all did.
        var held: CoalescedAttempt?
    }

    private var counts: [Kind: Count] = [:]
    private var networks = 0
    private var budgets = [EntryBudget(), EntryBudget()]

    /// Takes one rejection. Returns what to write now, if anything. `passes`: it may have an entry of its own.
    mutating func take(_ attempt: Attempt, at now: Instant, passes: Bool) -> Attempt? {
        let isListed = !attempt.entries.isEmpty
        var kind = Kind(
            kind: attempt.kind, channel: attempt.channel, verdict: attempt.verdict, reason: attempt.reason,
            isListed: isListed,
            scope: .source(attempt.source?.ip, account: attempt.account))
        var count = counts[kind]
        if passes, count?.held == nil, (count?.passed ?? 0) < Self.passingPerWindow,
            budgets[isListed ? 1 : 0].take(attempt, at: now)
        {
            counts[kind, default: Count(opened: now)].passed += 1
            return attempt
        }
        if count == nil {
            kind.scope = scope(of: attempt, like: kind)
            count = counts[kind]
            if count == nil, case .network = kind.scope { networks += 1 }
        }
        var changed = count ?? Count(opened: now)
        if changed.held == nil {
            var network: CIDRBlock?
            if case .network(let block) = kind.scope { network = block }
            changed.held = CoalescedAttempt(like: attempt, network: network)
        }
        changed.held?.add(attempt, at: now)
        counts[kind] = changed
        return nil
    }

    /// The network, or everything when there are too many of them.
    private func scope(of attempt: Attempt, like kind: Kind) -> Scope {
        guard let ip = attempt.source?.ip ?? attempt.peer?.ip else { return .anywhere }
        var network = kind
        network.scope = .network(CIDRBlock(networkOf: ip))
        return counts[network] != nil || networks < Self.mostNetworks ? network.scope : .anywhere
    }

    /// The coalesced entries of windows that have ended by `now`; `all` takes the unfinished ones too.
    mutating func flush(at now: Instant, all: Bool = false) -> [Attempt] {
        var ended: [Attempt] = []
        for (kind, count) in counts
        // One that opens in the future: the clock was set back.
        where all || now < count.opened || now.microseconds - count.opened.microseconds >= Self.window {
            if let held = count.held { ended.append(held.attempt) }
            counts[kind] = nil
            if case .network = kind.scope { networks -= 1 }
        }
        return ended.sorted { ($0.first ?? now) < ($1.first ?? now) }
    }
}

/// Entries that may still be written: a bucket that fills with time.
private struct EntryBudget {
    private var left = FloodCoalescer.burst
    private var filled: Instant?

    mutating func take(_ attempt: Attempt, at now: Instant) -> Bool {
        let passed = now.microseconds - (filled ?? now).microseconds
        filled = now
        if passed > 0 {
            left = min(FloodCoalescer.burst, left + Double(passed) / 1e6 * FloodCoalescer.entriesPerSecond)
        }
        let cost = 1 + Double(Self.bytes(attempt) / 1024)
        guard left >= cost else { return false }
        left -= cost
        return true
    }

    /// What a caller can make long.
    private static func bytes(_ attempt: Attempt) -> Int {
        var bytes = attempt.request?.path?.utf8.count ?? 0
        for value in attempt.detail.values {
            if let text = value.string { bytes += text.utf8.count }
        }
        return bytes
    }
}
