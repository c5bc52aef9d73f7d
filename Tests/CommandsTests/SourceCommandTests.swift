// `dropgate source`: what is explained, listed, added and removed.
import Admission
import Foundation
import JSON
import Ledger
import Testing

@Suite struct SourceCommandTests {
    @Test(
        arguments: [
            ("20.21.208.105", "webhook", 0, "accepted", "listed"),
            ("20.21.208.105", "sftp", 1, "rejected", "wrong_channel"),
            ("::ffff:20.21.208.105", "webhook", 0, "accepted", "listed"),
            ("192.0.2.1", "webhook", 1, "rejected", "not_listed"),
        ] as [(String, String, Int32, String, String)])
    func anAddressIsExplained(ip: String, channel: String, status: Int32, verdict: String, reason: String)
        async throws
    {
        let gate = try TestGate.plain()
        let answer = await gate.run("source", "explain", ip, "--channel", channel, "--format", "json")
        #expect(answer.status == status)
        let decision = try #require(try JSONValue(parsing: Array(answer.out.utf8)).array?.first)
        #expect(decision["verdict"]?.string == verdict && decision["reason"]?.string == reason)
        #expect(decision["policy"]?.string == (try gate.policy().version))
        #expect(decision["trace"]?.array?.isEmpty == false)
    }

    @Test func anAddressThatIsNearAListedOneIsSaidToBe() async throws {
        let gate = try TestGate.plain()
        let near = await gate.run("source", "explain", "20.21.208.9", "--channel", "webhook")
        #expect(near.out.contains("near     vsee/clinic 20.21.208.105/32"), "\(near)")
        for (ip, expected) in [("20.21.208.9", true), ("20.21.209.105", false), ("20.21.208.105", false)] {
            let answer = await gate.run("source", "explain", ip, "--format", "json")
            let decisions = try JSONValue(parsing: Array(answer.out.utf8)).array ?? []
            #expect(
                decisions.count == 2 && decisions.allSatisfy { ($0["near"] != nil) == expected }, "\(answer)")
        }
    }

    @Test func withoutAChannelBothMustAdmit() async throws {
        let gate = try TestGate.plain()
        let answer = await gate.run("source", "explain", "20.21.208.105")
        #expect(answer.status == 1)
        #expect(answer.out.contains("accepted  20.21.208.105 on webhook: listed"))
        #expect(answer.out.contains("rejected  20.21.208.105 on sftp: wrong_channel"))
    }

    @Test func anEntryIsJudgedAsOfTheMomentAskedFor() async throws {
        let gate = try TestGate.plain(entries: TestGate.entry + "    expires: 2027-01-01\n")
        let before = await gate.run(
            "source", "explain", "20.21.208.105", "--channel", "webhook", "--at", "2026-12-31")
        let after = await gate.run(
            "source", "explain", "20.21.208.105", "--channel", "webhook", "--at", "2027-01-01")
        #expect(before.status == 0 && after.status == 1)
        #expect(after.out.contains("entry_expired"))
    }

    @Test(
        arguments: [
            (["20.21.208.105", "--peer", "10.0.0.5"], 0, "listed"),
            (["--peer", "10.0.0.5", "--forwarded-for", "6.6.6.6, 20.21.208.105"], 0, "listed"),
            (["--peer", "10.0.0.5", "--forwarded-for", "20.21.208.105, 6.6.6.6"], 1, "not_listed"),
            (["--peer", "10.0.0.5", "--forwarded-for", "nonsense"], 1, "address_undeterminable"),
            (
                [
                    "--peer", "10.0.0.5", "--forwarded-for", "20.21.208.105", "--forwarded",
                    "for=6.6.6.6",
                ], 0, "listed"
            ),
            (["20.21.208.105", "--peer", "10.0.0.6"], 1, "address_undeterminable"),
            (["--peer", "10.0.0.5"], 1, "address_undeterminable"),
            (["--peer", "20.21.208.105"], 1, "address_undeterminable"),
        ] as [([String], Int32, String)])
    func proxiesAreHeardAsTheListenerWould(arguments: [String], status: Int32, reason: String) async throws {
        let gate = try TestGate.plain()
        try gate.write(
            "dropgate.yaml",
            """
            webhook: {listen: 127.0.0.1:0, plaintext: true, address: x-forwarded-for, trusted_proxies: [10.0.0.5]}
            """)
        let answer = await TestGate.run(
            ["source", "explain"] + arguments + ["--channel", "webhook", "--config", gate.config])
        #expect(answer.status == status, "\(answer)")
        #expect(answer.out.contains(": \(reason)\n"), "\(answer)")
    }

    @Test(
        arguments: [("20.21.208.105", 0, "listed"), ("192.0.2.1", 1, "not_listed")]
            as [(String, Int32, String)])
    func aPeerAloneIsTheSourceWhereNoProxyIsAsked(ip: String, status: Int32, reason: String) async throws {
        let gate = try TestGate.plain()
        let answer = await gate.run("source", "explain", "--peer", ip, "--channel", "webhook")
        #expect(answer.status == status, "\(answer)")
        #expect(answer.out.contains("\(ip) on webhook: \(reason)\n"), "\(answer)")
    }

    /// Each by its number, as in the table of UntrustedText.
    static let misleading: [UInt32] =
        Array(0x200B...0x200F) + [0x2028, 0x2029] + Array(0x202A...0x202E) + Array(0x2060...0x2064)
        + Array(0x2066...0x2069) + [0xFEFF]

    @Test(arguments: misleading)
    func namesThatMisleadAreRefused(value: UInt32) async throws {
        let sign = String(Character(try #require(Unicode.Scalar(value))))
        let gate = try TestGate.plain()
        let escaped = "\\u{\(String(value, radix: 16, uppercase: true))}"
        let entry = [
            "source", "add", "192.0.2.1", "--service", "lab", "--channel", "webhook", "--read", "2026-11-23",
        ]
        for arguments in [
            entry + ["--title", "t", "--owner", "a\(sign)b"], entry + ["--title", "a\(sign)b"],
            entry + ["--title", "t", "--page", "a\(sign)b"],
            entry + ["--title", "t", "--note", "a\n\(sign)b"],
            ["account", "add", "lab", "--key", "none.pub", "--note", "a\(sign)b"],
            ["account", "disable", "a\(sign)b"],
        ] {
            let answer = await TestGate.run(arguments + ["--config", gate.config])
            #expect(answer.status == 64, "\(answer)")
            #expect(answer.error.contains(escaped), "\(answer)")
            #expect(!answer.error.unicodeScalars.contains { $0.value == value })
        }
        try gate.write(
            "sources/vsee.yaml", "entries:\n\(TestGate.entry)    owner: \"a\\u\(Self.hex(value))b\"\n")
        let listed = await gate.run("source", "list")
        #expect(listed.status == 78 && listed.error.contains("owner: expected who answers"), "\(listed)")
    }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }

    @Test func entriesAreListedWithWhatIsDue() async throws {
        let gate = try TestGate.plain(
            entries: TestGate.entry + "    review_by: 2020-01-01\n    owner: \"me\"\n"
                + TestGate.entry.replacingOccurrences(of: "105", with: "106")
                + "    id: clinic-2\n    expires: 2020-01-01\n")
        let answer = await gate.run("source", "list")
        #expect(answer.status == 0)
        #expect(answer.out.contains("review overdue") && answer.out.contains("expired"))
        let json = try JSONValue(
            parsing: Array(await gate.run("source", "list", "--format", "json").out.utf8))
        #expect(json["entries"]?.array?.map { $0["state"]?.string } == ["review overdue", "expired"])
    }

    @Test func anEntryIsAddedAndRemovedAgain() async throws {
        let gate = try TestGate.plain()
        let file =
            "document: {title: Diagram, read: 2026-11-01}\nowner: integration\n"
            + (try gate.read("sources/vsee.yaml"))
        try gate.write("sources/vsee.yaml", file)
        let before = try gate.read("sources/vsee.yaml")
        let added = await gate.run(
            "source", "add", "192.0.2.0/24", "--service", "lab", "--channel", "webhook", "--channel", "sftp",
            "--expires", "2027-01-01", "--title", "Mail", "--read", "2026-11-23", "--mode", "observe")
        #expect(added.status == 0, "\(added)")
        let entry = try #require(try gate.policy().entries.last)
        #expect(entry.id == "vsee/lab" && entry.mode == .observe && entry.document?.title == "Mail")
        #expect(
            added.out.contains(
                "  owner: integration\n  document: Mail, read 2026-11-23\n  review by: none recorded\n"))
        #expect(await gate.run("source", "remove", "192.0.2.0/24").status == 0)
        #expect(try gate.read("sources/vsee.yaml") == before)
    }

    @Test func namesThatYAMLTakesForTruthAreNames() async throws {
        let gate = try TestGate.plain()
        let added = await gate.run(
            "source", "add", "192.0.2.1", "--id", "true", "--service", "no", "--channel", "webhook")
        #expect(added.status == 0 && added.out.hasPrefix("+ vsee/true 192.0.2.1/32"), "\(added)")
        #expect(try gate.read("sources/vsee.yaml").contains("    service: \"no\"\n    id: \"true\"\n"))
        let entry = try #require(try gate.policy().entries.last)
        #expect(entry.service == "no" && entry.id == "vsee/true")
    }

    @Test func anEntryWithoutADocumentRecordsThatThereIsNone() async throws {
        let gate = try TestGate.plain()
        let list = "document: {title: Diagram, read: 2026-11-01}\n" + (try gate.read("sources/vsee.yaml"))
        try gate.write("sources/vsee.yaml", list)
        let added = await gate.run("source", "add", "192.0.2.1", "--service", "lab", "--channel", "webhook")
        #expect(added.status == 0 && added.out.contains("document: none recorded"), "\(added)")
        #expect(try gate.policy().entries.map(\.document?.title) == ["Diagram", nil])
        let second = await gate.run(
            "source", "add", "192.0.2.2", "--service", "lab", "--id", "lab-2", "--channel", "webhook",
            "--document", "Mail",
            "--page", "2", "--read", "2026-11-23")
        #expect(second.status == 0, "\(second)")
        #expect(
            try gate.policy().entries.last?.id == "vsee/lab-2"
                && gate.policy().entries.last?.document?.page == "2")
    }

    @Test(
        arguments: [
            (
                ["add", "192.0.2.1", "--service", "a", "--channel", "sftp", "--expires", "2020-01-01"], 64,
                "expires 2020-01-01T00:00:00.000000Z is in the past: the entry would let nobody in"
            ),
            (
                ["add", "192.0.2.1", "--service", "a", "--channel", "sftp", "--review-by", "2020-01-01"], 64,
                "review_by 2020-01-01T00:00:00.000000Z is in the past"
            ),
            (
                [
                    "add", "192.0.2.1", "--service", "a", "--channel", "sftp", "--document", "Mail", "--read",
                    "2999-01-01",
                ], 64, "read 2999-01-01 is in the future: nobody can have read the document on that day"
            ),
            (
                [
                    "add", "192.0.2.1", "--service", "a", "--channel", "sftp", "--document", "Mail", "--read",
                    "1.11.26",
                ], 64, "read: \"1.11.26\" is not a day; write it as 2026-11-23"
            ),
            (
                ["add", "192.0.2.1", "--service", "a", "--id", "a b", "--channel", "sftp"], 64,
                "--id: \"a b\" is not a name; use up to 64 letters, digits, '.', '-' and '_'"
            ),
            (
                ["add", "192.0.2.1", "--service", "", "--channel", "sftp"], 64,
                "--service: \"\" is not a name; use"
            ),
            (
                ["add", "192.0.2.1", "--service", "clinic", "--channel", "sftp"], 1,
                "vsee/clinic is also the entry at"
            ),
            (
                ["add", "192.0.2.1/24", "--service", "a", "--channel", "sftp"], 64,
                "has bits set behind its prefix"
            ),
            (["add", "192.0.2.1", "--service", "a", "--channel", "console"], 64, "no source list"),
            (
                ["add", "192.0.2.1", "--service", "a", "--channel", "sftp", "--expires", "soon"], 64,
                "--expires: \"soon\" is not a date"
            ),
            (
                ["add", "192.0.2.1", "--service", "a", "--channel", "sftp", "--list", "other"], 64,
                "no list other; there are: vsee"
            ),
            (
                ["add", "20.21.208.105", "--service", "clinic", "--channel", "webhook"], 78,
                "is already given at"
            ),
            (["remove", "192.0.2.1"], 1, "has no entry 192.0.2.1/32"),
            (["remove", "20.21.208.105"], 1, "would be left without an entry"),
            (["remove"], 64, "give a block or --id"),
            (["remove", "20.21.208.105", "--id", "vsee/clinic"], 64, "not both"),
            (
                ["remove", "--id", "vsee/clinic", "--list", "vsee"], 64,
                "--service and --list go with a block"
            ),
            (
                ["remove", "--id", "vsee/clinic", "--service", "clinic"], 64,
                "--service and --list go with a block"
            ),
            (["remove", "--id", "vsee/none"], 1, "there is no entry vsee/none in the source lists"),
            (["remove", "--id", "vsee/clinic"], 1, "would be left without an entry"),
        ] as [([String], Int32, String)])
    func whatCannotBeChangedIsSaid(arguments: [String], status: Int32, message: String) async throws {
        let gate = try TestGate.plain()
        let before = try gate.read("sources/vsee.yaml")
        let answer = await TestGate.run(["source"] + arguments + ["--config", gate.config])
        #expect(answer.status == status, "\(answer)")
        #expect(answer.error.contains(message), "\(answer)")
        #expect(try gate.read("sources/vsee.yaml") == before)
    }
}
