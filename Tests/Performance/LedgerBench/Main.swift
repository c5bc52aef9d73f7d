// Measures a large ledger: append with its drops and their release, memory, what people ask, verification.
//
//     swift run -c release ledger-bench DIRECTORY [ENTRIES]
//
// It fills DIRECTORY/ledger.sqlite (about 0.8 GB a million) through the program's own store; a directory that is
// there already is measured as it is. Times are a year up to now, spread evenly. `Tests/Performance/ledger.sh` runs it.
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
        try start(path)
        try Questions(path).ask()
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
        func append(_ commits: Int) throws {
            for _ in 0..<commits {
                let outcomes = try store.commit(source.batch(batch), now: source.time)
                let accepted = outcomes.compactMap { outcome -> (id: String, readyPath: String)? in
                    guard case .appended(let entry) = outcome else { return nil }
                    return entry.drop.map { ($0.id, $0.readyPath) }
                }
                // As the stager does it, some time after the answers.
                _ = try store.commit([.released(accepted, at: source.time)], now: source.time)
            }
        }
        /// Median of several windows.
        func measure() throws {
            var (rates, costs): ([Double], [Double]) = ([], [])
            for _ in 0..<windows {
                let (began, before) = (ContinuousClock.now, clock())
                try append(windowCommits)
                let entries = Double(windowCommits * batch)
                rates.append(entries / ((ContinuousClock.now - began) / .seconds(1)))
                costs.append(Double(clock() - before) / entries)
            }
            print(
                "at \(source.made) entries: \(Int(rates.sorted()[windows / 2])) entries/s, "
                    + "\(costs.sorted()[windows / 2].formatted()) µs of processor time each, \(Memory.now)")
        }
        _ = try append(10_000 / batch + 1)
        try measure()
        var next = source.made * 10
        while source.made < count {
            try append(min(1000, Int((count - source.made) / Int64(batch)) + 1))
            _ = try store.commit([.checkpoint(key)], now: source.time)
            if source.made >= next {
                try measure()
                next *= 10
            }
        }
        try measure()
        _ = try store.commit([.checkpoint(key)], now: source.time)
    }

    /// From opening the ledger to the first commit.
    private static func start(_ path: String) throws {
        let began = ContinuousClock.now
        let store = try LedgerHandle(file: path).open(node: "gate-1")
        let opened = ContinuousClock.now - began
        let entry = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started)
        _ = try store.commit([.append(entry, drop: nil)], now: .now())
        let committed = ContinuousClock.now - began
        print(
            "start: opened after \((opened / .milliseconds(1)).formatted()) ms, "
                + "first commit after \((committed / .milliseconds(1)).formatted()) ms")
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
            let attempt = try attempt()
            return .append(attempt, drop: attempt.drop.map { drop($0.id) })
        }
    }

    /// An event with an id, as VSee's.
    private mutating func drop(_ id: String) -> DropRegistration {
        func key() -> [UInt8] {
            (0..<4).flatMap { _ in withUnsafeBytes(of: random.next()) { Array($0) } }
        }
        return DropRegistration(
            id: id, content: .body(Self.body), repeatKey: key(), eventKey: key(), keepsRepeats: false,
            readyPath: { "webhook/2026-11-23/\($0.microseconds)-visit.ended-5c34979c-\(id).json" })
    }

    private static let body = [UInt8](repeating: 0x20, count: 458)

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
                id: Self.id(made), name: "webhook/2026-11-23/081530.123456Z-visit.ended-5c34979c.json",
                bytes: 458,
                sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                eventID: "e-\(made)",
                eventType: "visit.ended")
        }
        if kind == 9 { attempt.account = "vsee" }
        return attempt
    }
}

extension EntrySource {
    /// Of the drop that an entry accepts, if it does: as long as those that a gate makes.
    static func id(_ entry: Int64) -> String {
        let number = String(entry)
        return "01jd" + String(repeating: "0", count: 22 - number.count) + number
    }
}

/// Memory of this process: what is its own, without the pages of files that it has mapped, as its program.
enum Memory {
    static var now: String {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon") }
        return "memory" + (line?.dropFirst(8).replacing("\t", with: " ") ?? " unknown")
    }
}
