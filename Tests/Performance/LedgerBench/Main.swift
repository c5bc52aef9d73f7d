// Measures the ledger at ten million entries: append, memory, query by address and day, verification.
//
//     swift run -c release ledger-bench DIRECTORY [ENTRIES]
//
// It fills DIRECTORY/ledger.sqlite (about 0.7 GB a million) through the program's own store; a directory that is
// there already is measured as it is. Times are a year up to now, spread evenly.
import Admission
import Foundation
import JSON
import Ledger
import Support

@main
enum LedgerBench {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let directory = arguments.first else {
            print("usage: ledger-bench DIRECTORY [ENTRIES]")
            exit(64)
        }
        let count = arguments.dropFirst().first.flatMap { Int64($0) } ?? 10_000_000
        let path = directory + "/ledger.sqlite"
        let isNew = !FileManager.default.fileExists(atPath: path)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        if isNew { try fill(path, count) }
        try query(path)
        try verify(path)
    }

    // MARK: Append

    /// One commit is what a busy writer groups.
    private static let batch = 512
    private static let windows = 11
    private static let windowCommits = 40

    private static func fill(_ path: String, _ count: Int64) throws {
        let store = try LedgerHandle(file: path).open(node: "gate-1")
        var source = EntrySource(count: count)
        let key = try NoteSigner(name: "gate-1/dropgate")
        try (key.verifier.description + "\n").write(toFile: path + ".pub", atomically: true, encoding: .utf8)
        func append(_ commits: Int) throws -> Double {
            let began = ContinuousClock.now
            for _ in 0..<commits { _ = try store.commit(source.batch(batch), now: source.time) }
            return Double(commits * batch) / ((ContinuousClock.now - began) / .seconds(1))
        }
        /// Median of several windows.
        func rate() throws -> Int {
            let rates = try (0..<windows).map { _ in try append(windowCommits) }.sorted()
            return Int(rates[windows / 2])
        }
        _ = try append(10_000 / batch + 1)
        print("at \(source.made) entries: \(try rate()) appends/s, \(Memory.now)")
        while source.made < count {
            let rate = try append(1000)
            _ = try store.commit([.checkpoint(key)], now: source.time)
            if source.made % Int64(batch * 4000) < Int64(batch * 1000) {
                FileHandle.standardError.write(Data("  \(source.made) entries, \(Int(rate))/s\n".utf8))
            }
        }
        print("at \(source.made) entries: \(try rate()) appends/s, \(Memory.now)")
        _ = try store.commit([.checkpoint(key)], now: source.time)
    }

    // MARK: Questions

    private static func query(_ path: String) throws {
        let reader = try LedgerHandle(file: path).reader()
        let end = Instant.now() - .seconds(30 * 86400)
        for (what, sources) in [("one address", ["198.51.100.7"]), ("a /24", ["198.51.100.0/24"])] {
            var query = LedgerQuery()
            query.since = end - .seconds(86400)
            query.until = end
            query.sources = try sources.map { try CIDRBlock($0) }
            query.limit = 1000
            var found = 0
            let times = try (0..<11).map { _ in
                let began = ContinuousClock.now
                found = try reader.entries(query).count
                return (ContinuousClock.now - began) / .milliseconds(1)
            }.sorted()
            print(
                "query \(what), one day: \(found) entries, median \(times[5].formatted()) ms, worst \(times[10].formatted()) ms"
            )
        }
    }

    private static func verify(_ path: String) throws {
        let key = try NoteVerifier(
            String(contentsOfFile: path + ".pub", encoding: .utf8).split(separator: "\n")[0].description)
        let began = ContinuousClock.now
        let before = clock()
        let result = try LedgerHandle(file: path).verifier(trusted: key.map { [$0] } ?? []).verify()
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        let cpu = Double(clock() - before) / 1_000_000
        print(
            "verify: \(result.size) entries, \(result.bytes >> 20) MiB, \(result.faultCount) findings, "
                + "\(Int(Double(result.size) / seconds))/s (by processor time \(Int(Double(result.size) / cpu))/s), \(Memory.now)"
        )
    }
}

/// Entries as a gate on the internet gets them: mostly strangers, some of VSee's webhooks and transfers.
struct EntrySource {
    private(set) var made: Int64 = 0
    private var random = SplitMix(seed: 1)
    private let start: Instant
    private let step: Int64

    init(count: Int64) {
        let year: Int64 = 365 * 86400 * 1_000_000
        start = Instant.now() - .microseconds(year)
        step = year / (count + 1_000_000)
    }

    var time: Instant { Instant(microseconds: start.microseconds + made * step) }

    mutating func batch(_ count: Int) throws -> [LedgerOperation] {
        try (0..<count).map { _ in
            defer { made += 1 }
            return .append(try attempt(), drop: nil)
        }
    }

    private mutating func attempt() throws -> Attempt {
        let kind = random.next() % 10
        var attempt =
            switch kind {
            case 0..<6: Attempt(kind: .connection, channel: .webhook, verdict: .rejected, reason: .notListed)
            case 6..<9: Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
            default: Attempt(kind: .login, channel: .sftp, verdict: .accepted, reason: .listed)
            }
        attempt.addressMode = .direct
        attempt.policy = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        if kind < 6 {
            let host = random.next() % 4096
            attempt.source = Endpoint(
                ip: try IPAddress("198.51.\(100 + host / 256).\(host % 256)"), port: 40112)
            attempt.detail["trace"] = ["direct: the peer is the source", "no entry covers the address"]
        } else {
            attempt.source = Endpoint(ip: try IPAddress("20.21.208.105"), port: 40112)
            attempt.entries = ["vsee-qatar/clinic", "vsee-qatar/messenger"]
        }
        if kind < 9, kind >= 6 {
            attempt.request = RequestFacts(
                id: "r-\(made)", method: "POST", path: "/webhooks/vsee", status: 200)
            attempt.drop = DropFacts(
                id: "01jd\(made)", name: "webhook/2026-11-23/081530.123456Z-visit.ended-5c34979c.json",
                bytes: 458,
                sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                eventID: "e-\(made)",
                eventType: "visit.ended")
        }
        if kind == 9 { attempt.account = "vsee" }
        return attempt
    }
}

/// Memory of this process: what is its own, without the pages of the ledger's file that it has mapped.
enum Memory {
    static var now: String {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon") }
        return "memory" + (line?.dropFirst(8).replacing("\t", with: " ") ?? " unknown")
    }
}
