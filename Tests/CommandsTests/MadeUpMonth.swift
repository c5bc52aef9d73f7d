// November 2025 at a made-up gate: daily calls, three people who change lists and take reports, an expiry, an entry that is
// only observed, a removed one, a crash, and an afternoon when the machine's clock was two hours behind.
import Admission
import Foundation
import JSON
import Ledger

struct MadeUpMonth {
    /// What is written, and what the machine's clock says then.
    struct Step {
        var clock: Instant
        var attempt: Attempt
    }

    /// The lists, each from its moment on.
    let policies: [(from: Instant, by: String, policy: Policy)]
    private(set) var steps: [Step] = []

    static let begin = at("2025-11-01T00:00:00Z")
    static let end = at("2025-12-01T00:00:00Z")
    /// Amira keeps the lists, Jonas the accounts, Li audits.
    static let people = ["amira", "jonas", "li"]
    static let expiry = at("2025-11-15T00:00:00Z")
    /// Between these the clock is behind.
    static let setBack = at("2025-11-18T12:00:00Z")
    static let mended = at("2025-11-18T13:00:00Z")
    static let error = Duration.seconds(7200)
    static let crash = at("2025-11-22T03:00:00Z")

    static func at(_ text: String) -> Instant { Instant(rfc3339: text) ?? Instant(microseconds: 0) }

    /// Who answers for the entries of a list.
    private static let owners = ["vsee-qatar": "amira", "old": "amira", "partner": "jonas", "trial": "li"]

    private static func entry(
        _ list: String, _ service: String, _ cidr: String, id: String? = nil, expires: Instant? = nil,
        mode: SourceEntry.Mode = .enforce
    ) throws -> SourceEntry {
        var entry = SourceEntry(
            list: list, service: service, cidr: try CIDRBlock(cidr), channels: [.webhook, .sftp],
            owner: owners[list], expires: expires, mode: mode)
        entry.ownID = id
        return entry
    }

    init() throws {
        // Two blocks are of one service: what is counted by the service alone is wrong for both.
        let always = [
            try Self.entry("vsee-qatar", "clinic", "20.21.208.105"),
            try Self.entry("vsee-qatar", "clinic", "20.21.209.0/24", id: "clinic-2"),
            try Self.entry("partner", "lab", "198.51.100.7", expires: Self.expiry),
            try Self.entry("partner", "backup", "198.51.100.99"),
        ]
        let old = try Self.entry("old", "vpn", "192.0.2.0/28")
        let trial = try Self.entry("trial", "new", "2001:db8:17::/48", mode: .observe)
        policies = [
            (Self.begin - .seconds(86_400), "amira", try Policy(entries: always + [old])),
            (Self.at("2025-11-10T09:00:00Z"), "amira", try Policy(entries: always + [old, trial])),
            (Self.at("2025-11-20T09:00:00Z"), "jonas", try Policy(entries: always + [trial])),
        ]
        try addCalls()
        addChanges()
        addService()
        addExports()
        try addClock()
        steps.sort { $0.clock < $1.clock }
        setClockBack()
    }

    /// The lists that were in force.
    func policy(at time: Instant) -> Policy {
        policies.last { $0.from <= time }?.policy ?? policies[0].policy
    }

    // MARK: Calls

    private mutating func addCalls() throws {
        // A day of October, so that who came then is not new.
        try call("20.21.208.105", .webhook, .request, Self.begin - .seconds(3600))
        for day in 0..<30 as Range<Int64> {
            let morning = Self.begin + .seconds(day * 86_400 + 8 * 3600)
            for hour in 0..<10 as Range<Int64> {
                try call("20.21.208.105", .webhook, .request, morning + .seconds(hour * 3600 + 61))
            }
            try call("20.21.209.5", .sftp, .login, morning + .seconds(120))
            try call("198.51.100.7", .webhook, .request, morning + .seconds(180))
            try call("192.0.2.9", .webhook, .request, morning + .seconds(240))
            if day % 10 == 3 { try call("20.21.208.9", .webhook, .connection, morning + .seconds(300)) }
            if day % 2 == 0 { try call("2001:db8:17::20", .webhook, .request, morning + .seconds(360)) }
            try call("9.9.9.9", .sftp, .connection, morning + .seconds(420), count: 3)
        }
    }

    /// Decided on by the lists in force.
    private mutating func call(
        _ ip: String, _ channel: Channel, _ kind: EntryKind, _ time: Instant, count: Int64 = 1
    ) throws {
        let source = try IPAddress(ip)
        let policy = policy(at: time)
        let match = policy.match(source, channel: channel, at: time)
        var attempt = Attempt(kind: kind, channel: channel, verdict: match.verdict, reason: match.reason)
        attempt.source = Endpoint(ip: source, port: 40_000)
        attempt.entries = match.entries
        attempt.policy = policy.version
        attempt.count = count
        if kind == .login {
            attempt.account = "clinic"
            attempt.credential = "SHA256:key"
        }
        steps.append(Step(clock: time, attempt: attempt))
    }

    // MARK: What the gate and its people did

    private mutating func addChanges() {
        for (before, after) in zip(policies, policies.dropFirst()) {
            var attempt = Attempt(kind: .policy, channel: nil, verdict: .accepted, reason: .changed)
            attempt.policy = after.policy.version
            attempt.detail["diff"] = .array(
                after.policy.difference(from: before.policy).map(JSONValue.string))
            attempt.detail["user"] = .string(after.by)
            steps.append(Step(clock: after.from, attempt: attempt))
        }
        var refused = Attempt(kind: .policy, channel: nil, verdict: .rejected, reason: .malformed)
        refused.detail["problems"] = ["sources/vsee.yaml line 4: cidr: \"0.0.0.0/0\" holds every address"]
        steps.append(Step(clock: Self.at("2025-11-12T10:00:00Z"), attempt: refused))
    }

    private mutating func addService() {
        func service(_ reason: Reason, _ time: Instant) -> Step {
            var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: reason)
            attempt.policy = policy(at: time).version
            return Step(clock: time, attempt: attempt)
        }
        steps.append(service(.started, Self.begin + .seconds(60)))
        // No stop comes before the second start.
        steps.append(service(.started, Self.crash))
        steps.append(service(.stopped, Self.end - .seconds(60)))
    }

    private mutating func addExports() {
        for (user, command, time) in [
            ("li", "attempts", "2025-11-25T10:00:00Z"), ("jonas", "report", "2025-11-28T10:00:00Z"),
        ] {
            var attempt = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .exported)
            attempt.detail = ["user": .string(user), "command": .string(command), "format": "csv"]
            steps.append(Step(clock: Self.at(time), attempt: attempt))
        }
    }

    // MARK: The clock

    /// It goes back two hours and is mended an hour later; the gate notices both. Each step has its true time until then.
    private mutating func setClockBack() {
        for index in steps.indices where (Self.setBack..<Self.mended).contains(steps[index].clock) {
            steps[index].clock -= Self.error
        }
    }

    private mutating func addClock() throws {
        for minute in 2..<22 as Range<Int64> {
            try call("20.21.208.105", .webhook, .request, Self.setBack + .seconds(minute * 60))
        }
        for (seconds, time) in [(Int64(-7200), Self.setBack + .seconds(1)), (7200, Self.mended)] {
            let clock = seconds < 0 ? time - Self.error : time
            let change = ClockChange(seconds: seconds, isAtStart: false, clock: clock)
            var attempt = Attempt(kind: .service, channel: nil, verdict: .observed, reason: .changed)
            attempt.detail = [ClockChange.member: change.json, "message": .string(change.summary)]
            steps.append(Step(clock: time, attempt: attempt))
        }
    }

    /// A gate with the month's ledger, the lists that were in force, and files of those at its end.
    func gate() throws -> TestGate {
        let gate = try TestGate.plain()
        try FileManager.default.removeItem(atPath: gate.path("sources/vsee.yaml"))
        for (list, entries) in Dictionary(grouping: policies[2].policy.entries, by: \.list) {
            let lines = entries.map { entry in
                "  - {cidr: \"\(entry.cidr)\", service: \(entry.service), channels: [webhook, sftp], "
                    + (entry.ownID.map { "id: \($0), " } ?? "") + (entry.owner.map { "owner: \($0), " } ?? "")
                    + "mode: \(entry.mode.rawValue)\(entry.expires.map { ", expires: \"\($0)\"" } ?? "")}\n"
            }
            try gate.write("sources/\(list).yaml", "name: \(list)\nentries:\n\(lines.joined())")
        }
        let ledger = LedgerHandle(file: gate.path("state/ledger.sqlite"))
        let store = try ledger.open(node: "gate-1")
        for step in steps { _ = try store.commit([.append(step.attempt, drop: nil)], now: step.clock) }
        for policy in policies { try ledger.policies.keep(policy.policy) }
        return gate
    }
}
