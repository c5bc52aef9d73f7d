// `dropgate attempts` and `dropgate drops` on a ledger that an Intake wrote.
import Admission
import Audit
import Commands
import Foundation
import Intake
import JSON
import Ledger
import Management
import Testing

@Suite struct AttemptsTests {
    /// A ledger with a stranger's refusal, a login and a stored webhook.
    private func gate() async throws -> (gate: TestGate, drop: DropOutcome) {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        var refused = Attempt(kind: .connection, channel: .webhook, verdict: .rejected, reason: .notListed)
        refused.source = Endpoint(ip: try IPAddress("192.0.2.1"), port: 4000)
        try await intake.record(refused)
        var login = Attempt(kind: .login, channel: .sftp, verdict: .accepted, reason: .listed)
        login.source = Endpoint(ip: try IPAddress("20.21.208.105"))
        login.account = "=cmd|' /C calc'!A0"
        try await intake.record(login)
        var request = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        request.source = Endpoint(ip: try IPAddress("20.21.208.105"))
        request.entries = ["vsee/clinic"]
        let event = WebhookEvent(
            path: "/webhooks/vsee", body: Array("{}".utf8), eventID: "e-1",
            eventType: "visit\u{1B}[31m.ended",
            envelope: "v2", contentType: nil)
        let drop = try await intake.receive(event, attempt: request)
        await intake.waitUntilStaged()
        await intake.close()
        return (gate, drop)
    }

    @Test(
        arguments: [
            ([], 3), (["--verdict", "rejected"], 1), (["--channel", "sftp"], 1),
            (["--source", "20.21.208.0/24"], 2),
            (["--source", "192.0.2.1", "--verdict", "accepted"], 0),
            (["--reason", "listed", "--kind", "login"], 1),
            (["--limit", "1"], 1), (["--limit", "0"], 3), (["--since", "1h"], 3),
            (["--until", "2020-01-01"], 0),
            (["--account", "=cmd|' /C calc'!A0"], 1), (["--entry", "vsee/clinic"], 1),
            (["--text", "VISIT"], 1), (["--text", "calc'!a0"], 1), (["--drop", "none"], 0),
            (["--since", "today", "--until", "now"], 3), (["--until", "yesterday"], 0),
            (["--after", "0"], 2), (["--before", "2"], 2), (["--after", "0", "--before", "2"], 1),
            (["--after", "0", "--limit", "1"], 1),
        ] as [([String], Int)])
    func filtersChooseEntries(arguments: [String], count: Int) async throws {
        let gate = try await gate().gate
        let answer = await TestGate.run(
            ["attempts", "--format", "jsonl", "--config", gate.config] + arguments)
        #expect(answer.status == 0, "\(answer)")
        let lines = answer.out.split(separator: "\n")
        #expect(lines.count == count)
        let seqs = try lines.map { try JSONValue(parsing: Array($0.utf8))["seq"]?.int ?? 0 }
        #expect(seqs == seqs.sorted(), "oldest first")
    }

    @Test func pagesGoBothWaysAndSayHowToGoOn() async throws {
        let gate = try await gate().gate
        func page(_ arguments: String...) async -> (seqs: [String], note: String) {
            let answer = await TestGate.run(
                ["attempts", "--format", "csv", "--limit", "2", "--config", gate.config] + arguments)
            let lines = answer.out.components(separatedBy: "\r\n").dropFirst().filter { !$0.isEmpty }
            return (lines.map { String($0.prefix { $0 != "," }) }, answer.error)
        }
        let newest = await page("--before", "3")
        #expect(newest == (["1", "2"], "more entries match: go on with --before 1\n"))
        #expect(await page("--before", "1") == (["0"], ""))
        let oldest = await page("--after=-1")
        #expect(oldest == (["0", "1"], "more entries match: go on with --after 1\n"))
        #expect(await page("--after", "1", "--before", "3") == (["2"], ""))
    }

    @Test(arguments: EntryFormat.allCases)
    func anExportIsRecordedFirstAndHasTheEntriesBefore(format: EntryFormat) async throws {
        let gate = try await gate().gate
        let answer = await gate.run(
            "attempts", "--format", format.name, "--verdict", "accepted", "--text", "vsee\u{1B}")
        #expect(answer.status == 0 && answer.error.isEmpty, "\(answer)")
        let reader = try LedgerHandle(file: gate.path("state/ledger.sqlite")).reader()
        #expect(try reader.lastSeq() == 3)
        let entry = try #require(try reader.entry(seq: 3)?.value())
        #expect(entry["kind"] == "access" && entry["reason"] == "exported" && entry["verdict"] == "accepted")
        #expect(
            entry["detail"]?["command"] == "attempts" && entry["detail"]?["format"]?.string == format.name
        )
        #expect(entry["detail"]?["query"] == #"--verdict accepted --text vsee\u{1B} --limit 50"#)
        #expect(entry["detail"]?["uid"]?.int == Int64(geteuid()) && entry["detail"]?["user"] != nil)
    }

    @Test func aTableIsNoExport() async throws {
        let gate = try await gate().gate
        #expect(await gate.run("attempts").status == 0)
        #expect(try LedgerHandle(file: gate.path("state/ledger.sqlite")).reader().lastSeq() == 2)
    }

    @Test func whatCannotBeRecordedIsNotExported() async throws {
        let gate = try await gate().gate
        // Another process has the ledger and answers no command.
        let intake = try gate.openIntake()
        let answer = await gate.run("attempts", "--format", "jsonl")
        await intake.close()
        #expect(answer.status == 75 && answer.out.isEmpty)
        #expect(answer.error.contains("nothing was exported, because the export cannot be recorded"))
        #expect(answer.error.contains("another process writes this ledger"), "\(answer)")
    }

    @Test func pagesSkipAndRepeatNothingWhileEntriesCome() async throws {
        let gate = try await gate().gate
        let intake = try gate.openIntake()
        let reader = try LedgerHandle(file: gate.path("state/ledger.sqlite")).reader()
        let total: Int64 = 5000
        var query = LedgerQuery()
        query.verdicts = [.rejected]
        let pages = AttemptPages(reader, query, above: 2)
        let seen = try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for index in 0..<(total / 4) {
                        var attempt = Attempt(
                            kind: .login, channel: .sftp, verdict: .rejected, reason: .authFailed)
                        attempt.detail["number"] = .int(Int64(writer) * total / 4 + index)
                        try await intake.record(attempt)
                    }
                }
            }
            var pages = pages
            var seen: [Int64] = []
            while seen.count < total {
                try pages.read { page in
                    #expect(page.count <= 1000)
                    seen += page.map(\.seq)
                    return true
                }
                await Task.yield()
            }
            try await group.waitForAll()
            return seen
        }
        await intake.close()
        #expect(seen == Array(3..<(3 + total)))
    }

    /// A stream's look ends by the clock, and the next one goes on from there.
    @Test(arguments: [1, 2, 7, 5000] as [Int64])
    func pagesInStepsGiveAllOnce(step: Int64) async throws {
        let gate = try await gate().gate
        let intake = try gate.openIntake()
        for number in 0..<40 {
            var attempt = Attempt(
                kind: .login, channel: .sftp, verdict: number % 3 == 0 ? .accepted : .rejected,
                reason: .authFailed)
            attempt.detail["number"] = .int(Int64(number))
            try await intake.record(attempt)
        }
        await intake.close()
        let reader = try LedgerHandle(file: gate.path("state/ledger.sqlite")).reader()
        var query = LedgerQuery()
        query.verdicts = [.rejected]
        query.limit = .max
        let all = try reader.entries(query).map(\.seq)
        var pages = AttemptPages(reader, query, above: nil)
        var seen: [Int64] = []
        var looks = 0
        repeat {
            looks += 1
            // One look is one step, and a reader that has enough ends within it.
            let isWhole = try pages.read(within: .zero, step: step) { page in
                seen += page.map(\.seq)
                return looks % 2 == 0
            }
            if isWhole { break }
        } while looks < 1000
        #expect(seen == all && looks < 1000)
    }

    @Test func followingShowsWhatWasAndEndsWhenCancelled() async throws {
        let gate = try await gate().gate
        let capture = Output.Capture()
        let following = Task {
            await Output.$capture.withValue(capture) {
                await Program.run(["attempts", "--follow", "--format", "jsonl", "--config", gate.config])
            }
        }
        while capture.out.split(separator: "\n").count < 3 { await Task.yield() }
        following.cancel()
        #expect(await following.value == 0)
        #expect(capture.error.isEmpty)
    }

    @Test(
        arguments: [
            ("now", "2026-11-23T08:15:30.000000Z"), ("today", "2026-11-23T00:00:00.000000Z"),
            ("yesterday", "2026-11-22T00:00:00.000000Z"), ("2h", "2026-11-23T06:15:30.000000Z"),
            ("2026-11-01", "2026-11-01T00:00:00.000000Z"), ("tomorrow", nil), ("", nil),
            ("2026-11-01T08:15", "2026-11-01T08:15:00.000000Z"), ("2026-11-01T08", nil), ("2026-13-01", nil),
            ("2026-11-01T08:15:00+03:00", "2026-11-01T05:15:00.000000Z"),
        ] as [(String, String?)])
    func momentsAreWordsDatesAndAges(text: String, expected: String?) throws {
        let now = try #require(Instant(rfc3339: "2026-11-23T08:15:30Z"))
        #expect(Moment(text, now: now, place: .utc)?.instant.description == expected)
    }

    @Test(
        arguments: [
            ("Asia/Qatar", "today", "2026-11-22T21:00:00.000000Z"),
            ("America/Los_Angeles", "today", "2026-11-22T08:00:00.000000Z"),
            ("America/Los_Angeles", "yesterday", "2026-11-21T08:00:00.000000Z"),
            ("Asia/Kolkata", "2026-11-23T08:15:30", "2026-11-23T02:45:30.000000Z"),
            // Days of 23 and of 25 hours, and one that begins at one o'clock.
            ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00:00.000000Z"),
            ("Europe/Berlin", "2026-03-30", "2026-03-29T22:00:00.000000Z"),
            ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00.000000Z"),
            ("Europe/Berlin", "2026-10-26", "2026-10-25T23:00:00.000000Z"),
            ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00:00.000000Z"),
            // Twice two o'clock: the first; none: when the clocks leave it out.
            ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00.000000Z"),
            ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00:00.000000Z"),
            ("America/Los_Angeles", "2026-11-23T08:15:30Z", "2026-11-23T08:15:30.000000Z"),
        ])
    func wordsAndDatesAreLocal(zone: String, text: String, expected: String) throws {
        let now = try #require(Instant(rfc3339: "2026-11-23T03:00:00Z"))
        let zone = try #require(TimeZone(identifier: zone))
        let place = LocalTime { instant in
            Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(instant.microseconds) / 1e6)))
        }
        #expect(Moment(text, now: now, place: place)?.instant.description == expected)
    }

    @Test func anExpiryThatIsADateIsLocalToo() throws {
        let doha = LocalTime { _ in 3 * 3600 }
        #expect(
            try ArgumentText.instant("2027-01-31", "--expires", place: doha).description
                == "2027-01-30T21:00:00.000000Z")
        #expect(
            try ArgumentText.instant("2027-01-31T08:00:00Z", "--expires", place: doha).description
                == "2027-01-31T08:00:00.000000Z")
        #expect(throws: (any Error).self) { try ArgumentText.instant("31.1.2027", "--expires", place: doha) }
    }

    @Test func whatALocalTimeMeansIsSaidUnlessItIsUTC() throws {
        let now = try #require(Instant(rfc3339: "2026-11-23T08:15:30Z"))
        let doha = LocalTime { _ in 3 * 3600 }
        let today = Moment("today", now: now, place: doha)
        #expect(
            Moment.notes(since: today, until: Moment("1h", now: now, place: doha), place: doha) == [
                "--since today is 2026-11-23 00:00 +03:00"
            ])
        #expect(Moment.notes(since: today, until: nil, place: .utc).isEmpty)
    }

    @Test func theTableSaysWhenTheListsChangedForASourceThatWasAccepted() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        func record(
            _ kind: EntryKind, _ verdict: Verdict, _ reason: Reason, policy: String, from ip: String? = nil
        ) async throws {
            var attempt = Attempt(
                kind: kind, channel: ip == nil ? nil : .webhook, verdict: verdict, reason: reason)
            attempt.source = try ip.map { Endpoint(ip: try IPAddress($0)) }
            attempt.policy = policy
            try await intake.record(attempt)
        }
        let (listed, stranger) = ("198.51.100.7", "198.51.100.8")
        try await record(.request, .accepted, .listed, policy: "sha256:a", from: listed)
        try await record(.policy, .accepted, .changed, policy: "sha256:a")
        try await record(.policy, .accepted, .changed, policy: "sha256:b")
        try await record(.connection, .rejected, .notListed, policy: "sha256:b", from: listed)
        try await record(.connection, .rejected, .notListed, policy: "sha256:b", from: stranger)
        await intake.close()
        let lines = await gate.run("attempts").out.split(separator: "\n").map(String.init)
        let refused = lines.filter { $0.contains("not_listed") }
        try #require(refused.count == 2)
        #expect(refused[0].contains("(was listed until the source lists changed at 20"), "\(refused)")
        #expect(refused[0].contains("(entry 2))"))
        #expect(!refused[1].contains("was listed"))
        #expect(await !gate.run("attempts", "--format", "csv").out.contains("was listed"))
    }

    @Test func everyRefusalOfASourceIsToldByItsOwnPast() async throws {
        let gate = try TestGate.plain()
        let intake = try gate.openIntake()
        func record(
            _ verdict: Verdict, _ reason: Reason, policy: String, detail: [String: JSONValue] = [:],
            ip: String? = "198.51.100.7"
        ) async throws {
            let kind: EntryKind = ip == nil ? .policy : verdict == .rejected ? .connection : .request
            var attempt = Attempt(
                kind: kind, channel: ip == nil ? nil : .webhook, verdict: verdict, reason: reason)
            attempt.source = try ip.map { Endpoint(ip: try IPAddress($0)) }
            attempt.policy = policy
            attempt.detail = detail
            try await intake.record(attempt)
        }
        func change(to policy: String, from: String) async throws {
            try await record(.accepted, .changed, policy: policy, detail: ["from": .string(from)], ip: nil)
        }
        try await record(.rejected, .notListed, policy: "sha256:b")
        try await change(to: "sha256:a", from: "sha256:b")
        try await record(.accepted, .listed, policy: "sha256:a")
        try await record(.rejected, .entryExpired, policy: "sha256:b")
        try await change(to: "sha256:b", from: "sha256:a")
        try await record(.rejected, .notListed, policy: "sha256:b")
        try await record(.rejected, .entryExpired, policy: "sha256:b")
        try await change(to: "sha256:a", from: "sha256:b")
        try await record(.observed, .notListed, policy: "sha256:a")
        try await change(to: "sha256:b", from: "sha256:a")
        try await record(.rejected, .notListed, policy: "sha256:b")
        await intake.close()
        let lines = await gate.run("attempts", "--verdict", "rejected").out.split(separator: "\n").dropFirst()
        let told = lines.map { line in
            line.contains("last accepted at")
                ? "accepted" : line.split(separator: "(entry ").last?.prefix { $0 != ")" } ?? ""
        }
        #expect(
            told.count == 5 && !told[0].contains("accepted") && !lines[lines.startIndex].contains("(entry"))
        #expect(told.dropFirst() == ["accepted", "4", "accepted", "9"], "\(lines)")
    }

    @Test func theTableShowsNoControlCharacters() async throws {
        let gate = try await gate().gate
        let answer = await TestGate.run(["attempts", "--config", gate.config])
        #expect(answer.out.contains("192.0.2.1") && answer.out.contains("not_listed"))
        #expect(!answer.out.unicodeScalars.contains("\u{1B}"))
    }

    @Test func csvHasEveryColumnAndNoFormula() async throws {
        let gate = try await gate().gate
        let answer = await TestGate.run(["attempts", "--format", "csv", "--config", gate.config])
        let lines = answer.out.components(separatedBy: "\r\n").filter { !$0.isEmpty }
        try #require(lines.count == 4 && lines[0] == CSVFormat.columns.joined(separator: ","))
        #expect(lines[2].contains(",'=cmd|' /C calc'!A0,"))
    }

    @Test func aDropIsListedShownVerifiedAndAcknowledged() async throws {
        let (gate, drop) = try await gate()
        let shown = await gate.run("drops", "show", drop.id, "--format", "json")
        let json = try JSONValue(parsing: Array(shown.out.utf8))
        #expect(json["state"]?.string == "released" && json["bytes"]?.int == 2)
        #expect(json["file"]?.string == "ready/\(drop.name)")
        #expect(json["staging"]?.string == gate.path("state/staging"))
        #expect(await gate.run("drops", "list").out.contains(drop.id))
        #expect(await gate.run("drops", "verify").status == 0)
        #expect(await gate.run("drops", "ack", drop.id).status == 0)
        #expect(await gate.run("drops", "list", "--state", "acknowledged").out.contains(drop.id))
        #expect(await gate.run("drops", "ack", "nonsense").status == 1)
        #expect(await gate.run("drops", "show", "nonsense").status == 1)
    }

    @Test func anIdThatMeansNoDropIsAnsweredByASentenceAndTheNextStep() async throws {
        let (gate, drop) = try await gate()
        let unknown = "01jdk2v8q3m5t7w9y1b3d5f7h9"
        let list = "`dropgate drops list`"
        let cases = [
            ("nonsense", "\"nonsense\" is not a drop id; \(list) shows"),
            ("../../x", "\"../../x\" is not a drop id; \(list) shows"),
            ("a\nb\u{202E}", #""a\u{A}b\u{202E}" is not a drop id; "# + "\(list) shows"),
            (
                String(drop.id.prefix(8)),
                "\"\(drop.id.prefix(8))\" is only the beginning of a drop id, and several may"
            ),
        ]
        for command in ["show", "ack", "release", "verify"] {
            for (id, words) in cases {
                let words =
                    command == "show" && id.contains("/")
                    ? "no drop is known by the path \"\(id)\"; write" : words
                let answer = await gate.run("drops", command, id)
                #expect(
                    answer.status == 1 && answer.error.hasPrefix("dropgate: \(words)"),
                    "\(command): \(answer)")
            }
        }
        for command in ["show", "ack", "verify"] {
            let answer = await gate.run("drops", command, unknown)
            #expect(answer.error == "dropgate: there is no drop \(unknown); \(list) shows what there is\n")
        }
        let held = await gate.run("drops", "release", unknown)
        #expect(
            held.status == 1
                && held.error.contains("there is no drop \(unknown) in quarantine; `dropgate drops list"))
        let released = await gate.run("drops", "release", drop.id)
        #expect(
            released.status == 1
                && released.error.contains(
                    "is not held: it is released, and waits in ready/; `dropgate drops show")
        )
        #expect(await gate.run("drops", "ack", drop.id.uppercased()).out == "acknowledged \(drop.id)\n")
        let again = await gate.run("drops", "ack", drop.id)
        #expect(
            again.status == 1
                && again.error.contains("drop \(drop.id) is acknowledged already; `dropgate drops show"))
    }

    @Test func whatCameFromOutsideIsEscapedOnceWhereADropIsShown() async throws {
        let (gate, drop) = try await gate()
        for arguments in [["drops", "show", drop.id], ["drops", "list"], ["attempts"]] {
            let answer = await TestGate.run(arguments + ["--config", gate.config])
            #expect(!answer.out.contains("\u{1B}") && !answer.out.contains(#"\\u{"#), "\(answer)")
        }
        #expect(await gate.run("drops", "show", drop.id).out.contains(#"visit\u{1B}[31m.ended"#))
    }

    @Test func anAlteredFileFailsVerificationAndATakenOneDoesNot() async throws {
        let (gate, drop) = try await gate()
        let file = "state/staging/ready/\(drop.name)"
        try gate.write(file, "[]")
        let altered = await gate.run("drops", "verify")
        #expect(altered.status == 1 && altered.out.contains("altered  \(drop.id)"))
        try FileManager.default.removeItem(atPath: gate.path(file))
        let taken = await gate.run("drops", "verify")
        #expect(taken.status == 0 && taken.out.contains("1 taken"))
    }
}
