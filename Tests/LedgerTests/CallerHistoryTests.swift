// When a gate ran, when somebody was let in last, and which change of the lists answers for a refusal: what doctor, reports and
// questions about the past go by.
import Admission
import JSON
import Ledger
import Support
import Testing

/// A ledger of made-up entries, a minute apart.
private struct Scene {
    static let start = Instant(microseconds: 1_795_392_000_000_000)
    static let person: [String: JSONValue] = ["uid": 0, "user": "root"]

    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("history") }

    static func time(_ seq: Int) -> Instant { start + .seconds(60 * seq) }

    func reader(_ attempts: [Attempt]) throws -> any LedgerReading {
        let handle = LedgerHandle(file: directory.file("ledger.sqlite"))
        let store = try handle.open(node: "t")
        for (seq, attempt) in attempts.enumerated() {
            _ = try store.commit([.append(attempt, drop: nil)], now: Self.time(seq))
        }
        return try handle.reader()
    }

    static func service(_ reason: Reason, _ detail: [String: JSONValue] = [:]) -> Attempt {
        var attempt = Attempt(kind: .service, channel: nil, verdict: .accepted, reason: reason)
        attempt.policy = "sha256:a"
        attempt.detail = detail
        return attempt
    }

    static func call(
        _ verdict: Verdict = .accepted, _ reason: Reason = .listed, kind: EntryKind = .request,
        ip: String = "20.21.208.105", by policy: String = "sha256:a", _ detail: [String: JSONValue] = [:]
    ) throws -> Attempt {
        var attempt = Attempt(kind: kind, channel: .webhook, verdict: verdict, reason: reason)
        attempt.source = Endpoint(ip: try IPAddress(ip))
        attempt.entries = ["vsee/clinic"]
        attempt.policy = policy
        attempt.detail = detail
        return attempt
    }

    /// A change of the lists that a gate took over.
    static func change(_ version: String, from: String = "sha256:a", _ detail: [String: JSONValue]) -> Attempt
    {
        var attempt = Attempt(kind: .policy, channel: nil, verdict: .accepted, reason: .changed)
        attempt.policy = version
        attempt.detail = detail
        attempt.detail["from"] = .string(from)
        return attempt
    }

    static func accounts() -> Attempt {
        var attempt = Attempt(kind: .policy, channel: .sftp, verdict: .accepted, reason: .changed)
        attempt.detail["accounts"] = ["+ clinic"]
        return attempt
    }

    /// What commands write, also while no gate runs.
    static func commands() throws -> [Attempt] {
        var change = Attempt(kind: .policy, channel: nil, verdict: .accepted, reason: .changed)
        change.detail = person.merging(["command": "source add", "diff": ["+ a b"]]) { $1 }
        var export = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .exported)
        export.detail = person
        var pulled = try call(.accepted, .pulled, kind: .transfer, person)
        pulled.entries = []
        return [
            change, export, service(.changed, person.merging(["key_rotation": "note"]) { $1 }), pulled,
            try call(.accepted, .listed, person.merging([Attempt.releasedMember: "quarantine"]) { $1 }),
            // Of a file that a crash left, by whoever opens the staging directory.
            Attempt(kind: .transfer, channel: .sftp, verdict: .rejected, reason: .incomplete),
        ]
    }
}

@Suite struct RunningTests {
    private let scene: Scene

    init() throws { scene = try Scene() }

    @Test func whatCommandsWriteShowsNoRunningGate() throws {
        let attempts = [Scene.service(.started), try Scene.call(.rejected, .notListed, kind: .connection)]
        let reader = try scene.reader(attempts + (try Scene.commands()) + (try Scene.commands()))
        #expect(try reader.lastSign()?.seq == 1 && reader.lastSign(below: 1)?.seq == 0)
        let mark = try #require(try reader.lastRunMark())
        #expect(mark.seq == 0 && mark.time == Scene.time(0) && mark.isStart)
    }

    @Test func pagesOfThemHideNothing() throws {
        let many = Array(repeating: try Scene.commands()[0], count: 150)
        #expect(try scene.reader([Scene.service(.started)] + many).lastSign()?.seq == 0)
        let alone = try Self()
        #expect(try alone.scene.reader(many).lastSign() == nil)
    }

    @Test func theSilenceBeforeAStartBeginsWithTheGatesOwnLastEntry() throws {
        let attempts =
            [Scene.service(.started), try Scene.call()] + (try Scene.commands()) + [Scene.service(.started)]
        let reader = try scene.reader(attempts)
        let start = Int64(attempts.count - 1)
        let silence = Scene.time(1)..<Scene.time(Int(start))
        #expect(try reader.silence(beforeStart: start, at: Scene.time(Int(start))) == silence)
        #expect(try reader.silence(around: Scene.time(2)) == silence)
        #expect(try reader.silence(around: Scene.time(1)) == nil, "it ran then")
        #expect(try reader.silence(around: Scene.time(Int(start))) == nil, "it ran again")
        #expect(try reader.silence(beforeStart: 0, at: Scene.time(0)) == nil, "nothing is known before")
    }

    @Test func aStopIsNoSilence() throws {
        let attempts = [Scene.service(.started), Scene.service(.stopped)] + (try Scene.commands())
        let reader = try scene.reader(attempts + [Scene.service(.started)])
        #expect(try reader.silence(around: Scene.time(3)) == nil)
        #expect(try reader.silence(beforeStart: Int64(attempts.count), at: Scene.time(attempts.count)) == nil)
    }
}

@Suite struct CallerHistoryTests {
    private let scene: Scene
    private let caller: CallerHistory.Caller

    init() throws {
        scene = try Scene()
        caller = CallerHistory.Caller(ip: try IPAddress("20.21.208.105"), channel: .webhook)
    }

    private func lastLetIn(_ attempts: [Attempt]) throws -> Int64? {
        try CallerHistory(scene.reader(attempts)).lastLetIn(caller, since: Scene.start)?.seq
    }

    @Test(arguments: [(Verdict.accepted, Reason.listed), (.observed, .notListed), (.accepted, .duplicate)])
    func whoeverTheListsLetInCounts(_ verdict: Verdict, _ reason: Reason) throws {
        #expect(try lastLetIn([try Scene.call(verdict, reason)]) == 0)
    }

    @Test func probesReleasesAndFetchedFilesAreNoContacts() throws {
        let others =
            try Scene.commands() + [
                try Scene.call(.accepted, .listed, kind: .probe), try Scene.call(.rejected, .badSecret),
                try Scene.call(ip: "20.21.208.106"),
            ]
        #expect(try lastLetIn([try Scene.call()] + others + others) == 0)
    }

    /// The seq of the change that answers for a refusal between others.
    /// - Parameter policy: the version of the lists that refuse; nil: its entry names none.
    private func change(
        _ reason: Reason = .notListed, by policy: String? = nil, after: [Attempt], before: [Attempt] = []
    ) throws -> Int64? {
        let attempts = [try Scene.call()] + after
        let reader = try scene.reader(attempts + [try Scene.call(.rejected, reason)] + before)
        var history = CallerHistory(reader)
        let letIn = try #require(try history.lastLetIn(caller, since: Scene.start))
        let refusal = CallerHistory.Refusal(reason: reason, seq: Int64(attempts.count), policy: policy)
        return try history.change(after: letIn, of: caller, refusal: refusal)?.seq
    }

    private func refuses(_ ip: String) throws -> JSONValue {
        [
            DecisionChange(
                source: try IPAddress(ip), channel: .webhook, isLetIn: false, reason: .notListed,
                last: Scene.start, entries: ["vsee/clinic"]
            ).json
        ]
    }

    @Test func theChangeThatSaysSoItselfComesFirst() throws {
        let unrelated = Scene.change("sha256:b", ["diff": ["+ other/lab 192.0.2.1/32 sftp"]])
        let touching = Scene.change(
            "sha256:c", ["diff": ["- vsee/clinic 20.21.208.105/32 (enforce, webhook)"]])
        let telling = Scene.change("sha256:d", ["refuses": try refuses("20.21.208.105")])
        let ofOthers = Scene.change("sha256:e", ["refuses": try refuses("20.21.208.106")])
        #expect(try change(after: [unrelated, touching, ofOthers, telling]) == 4)
    }

    @Test(arguments: [
        "- vsee/clinic 20.21.208.105/32 (enforce, webhook)",
        "~ vsee/clinic 20.21.208.0/24: owner a -> b, channels webhook -> sftp",
        "~ vsee/clinic 20.21.208.0/24: mode observe -> enforce", "- vsee/clinic …",
    ])
    func elseTheFirstThatTouchesWhatLetItIn(_ line: String) throws {
        let others = [
            "- vsee/clinic-2 20.21.208.105/32 webhook", "- vsee/clinic 192.0.2.1/32 webhook",
            "+ vsee/clinic 20.21.208.105/32 sftp", "- x/vsee/clinic 20.21.208.105/32 webhook",
        ].map(JSONValue.string)
        let other = Scene.change("sha256:b", ["diff": .array(others)])
        let touching = Scene.change("sha256:c", ["diff": [.string(line)]])
        #expect(try change(after: [other, touching]) == 2)
        #expect(try Self().change(after: [other]) == 1, "where none does, the first of its address")
    }

    @Test(arguments: [
        ["+ vsee/lab 20.21.208.105/32 (enforce, webhook)"], ["~ vsee/clinic 20.21.208.105/32: owner a -> b"],
        ["- vsee/clinic 192.0.2.1/32 (enforce, webhook)", "+ vsee/clinic 192.0.2.2/32 (enforce, webhook)"],
    ])
    func aChangeThatRefusesNobodyOfItsAddressAnswersForNothing(_ lines: [JSONValue]) throws {
        let other = Scene.change("sha256:b", ["diff": .array(lines)])
        #expect(try change(after: [other]) == nil)
        let removed = Scene.change(
            "sha256:c", ["diff": ["- vsee/clinic 20.21.208.105/32 (enforce, webhook)"]])
        #expect(try Self().change(after: [other, removed]) == 2)
        // Of more lines than an entry keeps.
        let long = Scene.change("sha256:b", ["diff": .array(lines + ["… 7 more"])])
        #expect(try Self().change(after: [long]) == 1)
    }

    @Test func noChangeAboveTheListsThatRefusedIsNamed() throws {
        let first = Scene.change("sha256:b", ["diff": ["- vsee/clinic 20.21.208.0/24 (enforce, webhook)"]])
        let second = Scene.change(
            "sha256:c", from: "sha256:b",
            ["refuses": try refuses("20.21.208.105"), "diff": ["- a/b 10.0.0.1/32 (x)"]])
        #expect(try change(by: "sha256:b", after: [first, second]) == 1, "what is counted is written late")
        #expect(try Self().change(by: "sha256:c", after: [first, second]) == 2)
        #expect(try Self().change(by: "sha256:a", after: [first, second]) == nil, "the lists that let it in")
    }

    @Test func listsThatRefuseBeforeTheirEntryIsWrittenAreFoundAboveTheRefusal() throws {
        let added = Scene.change("sha256:b", ["diff": ["+ vsee/lab 192.0.2.1/32 (enforce, webhook)"]])
        let removed = Scene.change(
            "sha256:c", from: "sha256:b", ["diff": ["- vsee/clinic 20.21.208.105/32 (enforce, webhook)"]])
        var known = Scene.service(.started)
        known.policy = "sha256:b"
        let calls = [try Scene.call(.rejected, .notListed), Scene.accounts(), known]
        #expect(try change(by: "sha256:c", after: [added], before: calls + [removed]) == 6)
        // The gate ended before it wrote the entry: its next start is the change.
        var start = Scene.service(
            .started, ["from": "sha256:b", "diff": ["- vsee/clinic 20.21.208.105/32 (x)"]])
        start.policy = "sha256:c"
        #expect(try Self().change(by: "sha256:c", after: [added], before: calls + [start]) == 6)
        #expect(try Self().change(by: "sha256:c", after: [added], before: calls) == nil)
        let other = Scene.change("sha256:d", from: "sha256:b", ["diff": ["- a/b 10.0.0.1/32 (x)"]])
        #expect(
            try Self().change(by: "sha256:c", after: [added], before: [other, removed]) == nil,
            "others came into force first")
    }

    /// The lists before were not known: nothing says that it is not why.
    @Test func aStartWithListsOfWhichNothingElseIsKnownMayBeWhy() throws {
        var start = Scene.service(.started, ["from": "sha256:a"])
        start.policy = "sha256:b"
        #expect(try change(by: "sha256:b", after: [start]) == 1)
    }

    @Test func accountsCommandsAndListsThatAreGoodAgainAreNoChange() throws {
        let accounts = Array(repeating: Scene.accounts(), count: 300)
        let mended = Scene.change("sha256:a", ["message": "the source lists are good again"])
        let others = try accounts + [mended, Scene.service(.started)] + Scene.commands()
        // What was released from quarantine is among them, and no contact.
        #expect(try change(after: others) == nil)
        let removed = Scene.change("sha256:b", ["diff": ["- vsee/clinic 20.21.208.105/32 webhook"]])
        #expect(try Self().change(after: [removed] + others) == 1)
    }

    @Test func aStartWithOtherListsIsAChange() throws {
        var start = Scene.service(
            .started, ["from": "sha256:a", "diff": ["- vsee/clinic 20.21.208.105/32 webhook"]])
        start.policy = "sha256:b"
        #expect(try change(after: [Scene.service(.stopped), start]) == 2)
    }

    @Test func anExpiryIsNoWorkOfAChangeUnlessOneSaysSo() throws {
        let touching = Scene.change(
            "sha256:b", ["diff": ["~ vsee/clinic 20.21.208.105/32: mode observe -> enforce"]])
        #expect(try change(.entryExpired, after: [touching]) == nil)
        let telling = Scene.change("sha256:c", ["refuses": try refuses("20.21.208.105")])
        #expect(try Self().change(.entryExpired, after: [touching, telling]) == 2)
    }

    @Test(arguments: [[0, 1], [1, 0]])
    func aStartWithTheListsInForceIsNoChangeInWhateverOrderCallersAreAskedAbout(_ order: [Int]) throws {
        var restart = Scene.service(.started)
        restart.policy = "sha256:b"
        let reader = try scene.reader([
            try Scene.call(ip: "20.21.208.106"),
            Scene.change("sha256:b", ["diff": ["+ a/b 10.0.0.1/32 (x)"]]),
            try Scene.call(by: "sha256:b"), restart, try Scene.call(.rejected, .notListed),
            try Scene.call(.rejected, .notListed, ip: "20.21.208.106"),
        ])
        let other = CallerHistory.Caller(ip: try IPAddress("20.21.208.106"), channel: .webhook)
        var history = CallerHistory(reader)
        for index in order {
            let caller = [caller, other][index]
            let letIn = try #require(try history.lastLetIn(caller, since: Scene.start))
            let refusal = CallerHistory.Refusal(reason: .notListed, seq: 4 + Int64(index), policy: nil)
            #expect(try history.change(after: letIn, of: caller, refusal: refusal)?.seq == nil)
        }
    }

    @Test func callersAreAskedAboutInAnyOrder() throws {
        let attempts = [
            try Scene.call(ip: "20.21.208.106"),
            Scene.change("sha256:b", ["refuses": try refuses("20.21.208.106")]),
            try Scene.call(), Scene.change("sha256:c", ["refuses": try refuses("20.21.208.105")]),
            try Scene.call(.rejected, .notListed), try Scene.call(.rejected, .notListed, ip: "20.21.208.106"),
        ]
        let other = CallerHistory.Caller(ip: try IPAddress("20.21.208.106"), channel: .webhook)
        var history = CallerHistory(try scene.reader(attempts))
        for (caller, seq, expected) in [(caller, 4, 3), (other, 5, 1), (caller, 4, 3)] as [(_, Int64, Int64)]
        {
            let letIn = try #require(try history.lastLetIn(caller, since: Scene.start))
            let refusal = CallerHistory.Refusal(reason: .notListed, seq: seq, policy: nil)
            #expect(try history.change(after: letIn, of: caller, refusal: refusal)?.seq == expected)
        }
    }
}
