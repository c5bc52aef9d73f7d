// What many probes come to: counts, times and the worst of them. It keeps no more of each than a time, and of these
// only the last ones: a probe that runs for days must not grow.

package struct ProbeTally: Sendable {
    package private(set) var count = 0
    /// Probes that were not well.
    package private(set) var withFindings = 0
    package private(set) var failed = 0
    package private(set) var fastest: Duration = .zero
    package private(set) var slowest: Duration = .zero
    /// The first of those that are as bad.
    package private(set) var worst: ProbeReport?

    private var times: [Duration] = []
    private let most: Int

    package init(sample most: Int = 10_000) { self.most = most }

    package mutating func add(_ report: ProbeReport) {
        fastest = count == 0 ? report.duration : min(fastest, report.duration)
        slowest = max(slowest, report.duration)
        if times.count < most { times.append(report.duration) } else { times[count % most] = report.duration }
        count += 1
        if report.verdict != .ok { withFindings += 1 }
        if report.verdict == .critical { failed += 1 }
        guard let worst, worst.pluginStatus >= report.pluginStatus else {
            worst = report
            return
        }
    }

    /// Of the last probes.
    package var median: Duration { times.isEmpty ? .zero : times.sorted()[times.count / 2] }
}
