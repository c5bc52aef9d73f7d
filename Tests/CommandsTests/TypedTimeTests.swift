// Times, numbers and time zones that people mistype: a sentence and an exit status, and no trap.
import Admission
import Commands
import Foundation
import Intake
import Ledger
import Management
import Settings
import Testing

@Suite struct TypedTimeTests {
    @Test(
        arguments: [
            (["report", "--since", "9999999999d"], 64), (["report", "--since", "9223372036854775807s"], 64),
            (["report", "--since", "800000d"], 64), (["attempts", "--since", "9999999999d"], 64),
            (["report", "--since", "99999999999999999999d"], 64),
            (["report", "--until", "9999-12-31T23:59:59-23:59"], 64),
            (["ledger", "export", "--since", "9999999999d", "--output", "none"], 64),
            (["source", "explain", "192.0.2.1", "--at", "9999999999d"], 64),
            (["attempts", "--after", "9223372036854775807"], 0),
            (["attempts", "--before", "9223372036854775807"], 0),
            (["attempts", "--after=-9223372036854775808"], 0),
            (["attempts", "--limit", "9223372036854775807"], 0),
            (["ledger", "prove", "9223372036854775807"], 1),
            (["source", "explain", "--entry", "9223372036854775807"], 1),
            (
                [
                    "probe", "webhook", "https://127.0.0.1:1/", "--count", "2", "--interval",
                    "9223372036854775807s",
                ], 64
            ),
            (["probe", "webhook", "https://127.0.0.1:1/", "--timeout", "9223372036854775807s"], 64),
            (["rules", "check", "--timeout", "9223372036854775807s"], 64),
            (
                [
                    "pull", "sftp://127.0.0.1:1", "--user", "a", "--key", "none", "--host-key",
                    "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "--every", "9223372036854775807s",
                ], 64
            ),
        ] as [([String], Int32)])
    func whatIsFarTooLargeIsAnsweredByASentence(arguments: [String], status: Int32) async throws {
        let gate = try TestGate.plain()
        await (try gate.openIntake()).close()
        let answer = await TestGate.run(arguments + ["--config", gate.config])
        #expect(answer.status == status, "\(answer)")
        #expect(status == 0 || !answer.error.isEmpty)
    }

    @Test func aRunOfEntriesEndsWhereTheLedgerEnds() async throws {
        let gate = try TestGate.plain()
        do {
            let intake = try gate.openIntake()
            _ = try await intake.record(
                Attempt(kind: .service, channel: nil, verdict: .accepted, reason: .started))
            await intake.close()
        }
        try GateDirectories.make(gate.path("state/keys"))
        try LedgerKeys(try SettingsLoader.load(file: gate.config)).make()
        #expect(await gate.run("ledger", "checkpoint").status == 0)
        let answer = await gate.run(
            "ledger", "export", "--last", "9223372036854775807", "--output", gate.path("bundle"))
        #expect(answer.status == 0 && answer.out.contains("entries 0 to "), "\(answer)")
    }

    @Test(
        arguments: [
            ([:], true), (["TZ": ""], true), (["TZ": "UTC"], true), (["TZ": ":UTC"], true),
            (["TZ": "AST-3"], true),
            (["TZ": "<+03>-3"], true), (["TZ": "CET-1CEST,M3.5.0,M10.5.0/3"], true),
            (["TZ": "Nowhere/Atall"], false), (["TZ": "Qatar Time"], false), (["TZ": ":/etc/passwd"], false),
            (["TZ": "XYZ"], false), (["TZ": "/usr/share/zoneinfo"], false), (["TZ": "+3"], false),
            (["TZ": "UTC", "TZDIR": "/nonexistent"], true),
        ] as [([String: String], Bool)])
    func aZoneThatIsNotKnownIsUTCAndSaysSo(environment: [String: String], isKnown: Bool) throws {
        let place = LocalTime(environment: environment)
        #expect((place.warning == nil) == isKnown)
        guard !isKnown else { return }
        let now = try #require(Instant(rfc3339: "2026-11-23T08:15:30Z"))
        #expect(place.offset(now) == 0)
        let note = try #require(Moment("today", now: now, place: place)?.note("--since", place))
        #expect(note.hasPrefix("--since today is 2026-11-23 00:00Z; TZ is \""), "\(note)")
        #expect(note.hasSuffix("a time zone that is not known on this machine: local times are in UTC"))
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/share/zoneinfo/Asia/Qatar")))
    func aZoneOfTheMachineIsKnownUnlessItsFilesAreElsewhere() {
        #expect(LocalTime(environment: ["TZ": "Asia/Qatar"]).warning == nil)
        #expect(LocalTime(environment: ["TZ": "Asia/Qatar", "TZDIR": "/nonexistent"]).warning != nil)
    }
}
