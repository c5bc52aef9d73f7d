// What an intake adds up for /metrics as it works: commits, and what they stored.
import Admission
import CoreMetrics
import Ledger
import Metering

struct IntakeFigures: Sendable {
    /// The two figures of one channel.
    private struct Stored: Sendable {
        let drops: Counter
        let bytes: Counter

        init(_ metrics: MetricRegistry, _ channel: Channel) {
            let labels = [("channel", channel.rawValue)]
            drops = metrics.counter(
                "dropgate_stored_drops_total",
                "Events and files accepted and stored since the start; no repeats.",
                labels: labels)
            bytes = metrics.counter(
                "dropgate_stored_bytes_total", "Bytes of what was accepted and stored since the start.",
                labels: labels)
        }
    }

    private let commitSeconds: CoreMetrics.Timer
    private let commitOperations: Recorder
    private let webhook: Stored
    private let sftp: Stored

    init(_ metrics: MetricRegistry) {
        commitSeconds = metrics.timer(
            "dropgate_ledger_commit_seconds", "How long commits of the ledger took, until they were durable.")
        commitOperations = metrics.recorder(
            "dropgate_ledger_commit_operations",
            "Entries and other changes that one commit of the ledger had.",
            bounds: Buckets.counts)
        webhook = Stored(metrics, .webhook)
        sftp = Stored(metrics, .sftp)
    }

    func committed(_ commit: LedgerWriter.Commit) {
        commitSeconds.recordNanoseconds(commit.duration.nanoseconds)
        commitOperations.record(commit.operations)
    }

    /// A drop was accepted by this attempt, and is durable.
    func stored(_ attempt: Attempt) {
        let stored =
            switch attempt.channel {
            case .webhook: webhook
            case .sftp: sftp
            case .console, nil: nil as Stored?
            }
        stored?.drops.increment()
        stored?.bytes.increment(by: attempt.drop?.bytes ?? 0)
    }
}

extension Duration {
    /// As swift-metrics takes durations: 292 years at the most.
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (nanoseconds, isTooMuch) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isTooMuch ? .max : nanoseconds + attoseconds / 1_000_000_000
    }
}
