// How many attempts came since the start, by channel, verdict and reason: for /metrics. What nobody from outside brought
// about (probes, policy, service, access) is not counted.
import Admission
import Ledger
import Metering
import Synchronization

final class AttemptCounters: Sendable {
    /// The words of the program alone: nothing from outside can make it grow.
    private struct Key: Hashable {
        var channel: Channel
        var verdict: Verdict
        var reason: Reason
    }

    private static let kinds: Set<EntryKind> = [.connection, .request, .login, .transfer]

    private let counts: Mutex<[Key: Int64]>

    /// Each begins with 0: of one that appears with its first attempt, Prometheus would see no increase, and no alert would tell of
    /// the first delivery that fails.
    init() {
        var counts: [Key: Int64] = [:]
        for channel in [Channel.webhook, .sftp] {
            counts[Key(channel: channel, verdict: .accepted, reason: .listed)] = 0
            for reason in Reason.ofRefusals {
                counts[Key(channel: channel, verdict: .rejected, reason: reason)] = 0
            }
        }
        self.counts = Mutex(counts)
    }

    func add(_ attempt: Attempt, reason: Reason? = nil) {
        guard let channel = attempt.channel, Self.kinds.contains(attempt.kind) else { return }
        let key = Key(channel: channel, verdict: attempt.verdict, reason: reason ?? attempt.reason)
        counts.withLock { $0[key, default: 0] += attempt.count }
    }

    var readings: [MetricRegistry.Reading] {
        counts.withLock { $0 }.map { key, count in
            MetricRegistry.Reading(
                count,
                labels: [
                    ("channel", key.channel.rawValue), ("verdict", key.verdict.rawValue),
                    ("reason", key.reason.rawValue),
                ])
        }.sorted { $0.labels.map(\.value).lexicographicallyPrecedes($1.labels.map(\.value)) }
    }
}
