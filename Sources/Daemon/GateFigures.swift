// What /metrics tells of the gate as a whole: its process, its release, and what waits for consumers.
import Admission
import Blocking
import Files
import Glibc
import Intake
import Ledger
import Metering

struct GateFigures: Sendable {
    /// What is counted one by one is not counted more often than this.
    private static let countEvery = Duration.seconds(10)

    let intake: Intake
    /// Read anew each time: nothing holds it open when the gate stops, or its log would stay beside it.
    let ledger: LedgerHandle

    private var metrics: MetricRegistry { intake.metrics }

    func addAll() {
        addProcess()
        metrics.add("dropgate_build_info", "1; the release is in the label.") {
            [MetricRegistry.Reading(1, labels: [("version", Product.version)])]
        }
        addCount(
            "dropgate_ready_drops",
            "Released drops that nobody has acknowledged and that were not found taken, as counted last."
        ) { [ledger] in try? ledger.reader().count(of: .released) }
        addCount(
            "dropgate_quarantined_uploads",
            "Files in quarantine that their senders did not finish or took back, as counted last."
        ) { [weak intake] in (try? intake?.quarantinedUploads()).map { Int64($0) } }
    }

    /// A figure for which each of many things is looked at.
    private func addCount(_ name: String, _ help: String, _ count: @escaping @Sendable () -> Int64?) {
        let last = Aged<Int64>(for: Self.countEvery, label: "figures", make: count)
        metrics.add(name, help) { last.value.map { [MetricRegistry.Reading($0)] } ?? [] }
    }

    /// By the names that Prometheus's client libraries use ("Standard and runtime collectors").
    private func addProcess() {
        metrics.add("process_cpu_seconds_total", "Processor time of the gate's process.", kind: .counter) {
            var usage = rusage()
            guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return [] }
            return [MetricRegistry.Reading(usage.ru_utime.seconds + usage.ru_stime.seconds)]
        }
        metrics.add("process_resident_memory_bytes", "Resident memory of the gate's process.") {
            ProcessFiles.residentPages.map { [MetricRegistry.Reading($0 * Int64(getpagesize()))] } ?? []
        }
        metrics.add("process_open_fds", "Open file descriptors of the gate's process.") {
            ProcessFiles.descriptors.map { [MetricRegistry.Reading($0)] } ?? []
        }
        metrics.add("process_max_fds", "How many the process may open.") {
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return [] }
            return [MetricRegistry.Reading(limit.rlim_cur)]
        }
        let started = Double(Instant.now().microseconds) / 1e6
        metrics.add("process_start_time_seconds", "When the gate started, in seconds since the epoch.") {
            [MetricRegistry.Reading(started)]
        }
    }
}

/// proc(5), of this process.
private enum ProcessFiles {
    /// The second number of `statm`.
    static var residentPages: Int64? {
        guard let bytes = try? SmallFile.open("/proc/self/statm").contents(limit: 4096) else { return nil }
        let numbers = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        return numbers.count > 1 ? Int64(numbers[1]) : nil
    }

    /// Without the one that looks.
    static var descriptors: Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // `.`, `..` and that of the directory itself.
        return count - 3
    }
}

extension timeval {
    fileprivate var seconds: Double { Double(tv_sec) + Double(tv_usec) / 1e6 }
}
