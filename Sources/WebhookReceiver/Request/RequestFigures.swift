// How long callers wait for the gate, for /metrics.
import CoreMetrics
import Metering
import NIOCore
import NIOHTTP1

/// Of requests that arrived whole: how fast a caller sends is not the gate's to answer for, and what is refused on its header is
/// answered at once.
struct RequestFigures: Sendable {
    /// By the first digit of the status.
    private let timers: [CoreMetrics.Timer]

    init(_ metrics: MetricRegistry) {
        timers = (1...5).map {
            metrics.timer(
                "dropgate_webhook_answer_seconds",
                "From the end of a request to its answer, by class of status.",
                labels: [("code", "\($0)xx")])
        }
    }

    func answered(_ status: HTTPResponseStatus, after time: TimeAmount) {
        timers[Int(min(5, max(1, status.code / 100))) - 1].recordNanoseconds(time.nanoseconds)
    }
}
