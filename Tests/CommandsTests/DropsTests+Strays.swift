// `dropgate drops verify`: what lies under `ready/` and was not released, and what receipts say otherwise than the ledger.
import Foundation
import Glibc
import Intake
import JSON
import Staging
import Testing

@testable import Management

extension DropsTests {
    /// What is told of all drops and of all that lies there, without the counts.
    private func findings(status: Int32 = 1) async throws -> [JSONValue] {
        let answer = await gate.run("drops", "verify", "--format", "json")
        #expect(answer.status == status && answer.error.isEmpty, "\(answer)")
        return try answer.out.split(separator: "\n").dropLast().map { try JSONValue(parsing: Array($0.utf8)) }
    }

    @Test func whatWasNotReleasedIsForeignWhereverItLies() async throws {
        let event = try await released("a", "b")[0]
        let intake = try open()
        let labs = try await upload("2026/labs.csv", "1", in: intake, sha256: DropsTests.sha256(of: "1"))
        await intake.waitUntilStaged()
        await intake.close()
        #expect(try await findings(status: 0).isEmpty)
        let day = event.name.split(separator: "/").dropLast().joined(separator: "/")
        let foreign = [
            "\(day)/evil.json", "\(day)/x-\(event.id).json", "\(day)/x/\(event.id).json", "\(event.name)~2",
            "webhook/top.json",
            "top", "sftp/stray", "sftp/acme/2026/labs~2.csv", "sftp/acme/2026/LABS.csv",
            "sftp/other/2026/labs.csv",
            "\(day)/090000.000001Z-events-\(event.id).ndjson",
            "\(day)/090000.000001Z-events-\(event.id)/x-\(event.id).json",
            "sftp/acme/.hidden", "sftp/acme/two\nlines",
        ]
        for path in foreign { try gate.write("state/staging/ready/\(path)", "x") }
        let link = "sftp/acme/link"
        try FileManager.default.createSymbolicLink(
            atPath: gate.path("state/staging/ready/\(link)"), withDestinationPath: "2026/labs.csv")
        let found = try await findings()
        #expect(found.allSatisfy { $0["finding"] == "foreign" && $0["id"] == nil }, "\(found)")
        #expect(
            Set(found.compactMap { $0["file"]?.string }) == Set((foreign + [link]).map { "ready/\($0)" }))
        #expect(found.count == foreign.count + 1)
        let told = await gate.run("drops", "verify")
        #expect(told.out.contains("foreign  ready/\(day)/evil.json\n"), "\(told)")
        #expect(told.out.contains("two\\u{A}lines") && !told.out.contains("two\nlines"), "\(told)")
        #expect(
            told.out.hasSuffix(
                "3 intact, 0 altered, 0 receipt differs, \(foreign.count + 1) foreign, 0 taken\n"))
        #expect(await gate.run("drops", "verify", event.id, labs.id).status == 0, "of these it was not asked")
        for path in foreign + [link] { try remove("ready/\(path)") }
        #expect(try await findings(status: 0).isEmpty, "directories of consumers are none of its business")
    }

    @Test func aNameThatIsNoTextIsForeign() async throws {
        _ = try await released("a")
        let place = gate.path("state/staging/ready/webhook/")
        let descriptor = Glibc.open(
            Array(place.utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0],
            O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        close(descriptor)
        let found = try await findings()
        #expect(found.map { $0["file"]?.string } == ["ready/webhook/\u{FFFD}"], "\(found)")
    }

    @Test func whatItsSenderOrAPersonTookBackIsForeignWhereItLies() async throws {
        let id: String
        do {
            let intake = try open()
            id = try await upload("labs.csv", "1", in: intake, sha256: Self.sha256(of: "1")).id
            await intake.waitUntilStaged()
            await intake.close()
        }
        let withdrawn = await gate.run("drops", "withdraw", id)
        #expect(withdrawn.status == 0, "\(withdrawn)")
        #expect(try await findings(status: 0).isEmpty)
        try gate.write("state/staging/ready/sftp/acme/labs.csv", "1")
        #expect(try await findings().map { $0["file"]?.string } == ["ready/sftp/acme/labs.csv"])
    }

    @Test func linesBehindTheEventsOfABatchAreForeign() async throws {
        let batch = "state/staging/" + (try #require(try await together(3, .ndjson)[0]["file"]?.string))
        let text = try gate.read(batch)
        let first = try #require(text.split(separator: "\n").first)
        for (more, lines, words) in [
            ("\(first)\n", [4, 4], "line 4"), ("\(first)\n\n{}", [4, 6], "lines 4 to 6"),
            ("\n", [4, 4], "line 4"),
            ("x", [4, 4], "line 4"),
        ] as [(String, [JSONValue], String)] {
            try gate.write(batch, text + more)
            let found = try await findings()
            #expect(found.count == 1 && found[0]["finding"] == "foreign", "\(found)")
            #expect(found[0]["lines"] == .array(lines), "\(found)")
            let told = await gate.run("drops", "verify")
            #expect(told.out.contains(".ndjson: \(words)\n") && told.out.contains("3 intact"), "\(told)")
        }
        try gate.write(batch, text)
        #expect(try await findings(status: 0).isEmpty)
        // Without the last line's end: that is what its consumer reads, too.
        try gate.write(batch, String(text.dropLast()))
        #expect(try await findings(status: 0).isEmpty)
    }

    @Test func aLineThatSaysOtherThanTheLedgerDiffers() async throws {
        let drops = try await together(3, .ndjson)
        let batch = "state/staging/" + (try #require(drops[1]["file"]?.string))
        let text = try gate.read(batch)
        var lines = text.split(separator: "\n").map(String.init)
        let second = lines[1]
        func change(_ from: String, _ to: String) throws {
            lines[1] = second.replacing(from, with: to)
            try #require(lines[1] != second)
            try gate.write(batch, lines.joined(separator: "\n") + "\n")
        }
        try change("20.21.208.105", "20.21.208.106")
        var found = try await findings()
        #expect(found.count == 1 && found[0]["id"] == drops[1]["drop"], "\(found)")
        #expect(found[0]["finding"] == "receipt differs" && found[0]["differs"] == "receipt in line")
        #expect(found[0]["members"] == ["source"], "\(found)")
        #expect(
            found[0]["cause"] == "the receipt in its line differs from the ledger in: source")
        try change("\"line\":2", "\"line\":3")
        found = try await findings()
        #expect(found.count == 1 && found[0]["members"] == ["line"], "\(found)")
        // Of two bodies consumers may take either, and of two members of a name.
        for more in ["\"body_base64\":\"eA==\",", "\"body\":\"x\","] {
            try change("{\"body\"", "{\(more)\"body\"")
            found = try await findings()
            #expect(found.count == 1 && found[0]["differs"] == "line", "\(found)")
        }
    }

    @Test func aBatchOfAnImpossibleSizeIsAlteredAndNotRead() async throws {
        let batch = "state/staging/" + (try #require(try await together(3, .ndjson)[0]["file"]?.string))
        try #require(truncate(gate.path(batch), 5 << 40) == 0)
        let found = try await findings()
        #expect(found.count == 3, "\(found)")
        for finding in found {
            #expect(finding["finding"] == "altered" && finding["differs"] == "size", "\(finding)")
            #expect(finding["found_bytes"] == .int(5 << 40), "\(finding)")
        }
    }

    /// Each member that the ledger has, in a drop's own receipt.
    @Test(arguments: [
        "account", "bytes", "channel", "content_type", "credential", "drop", "duplicate_of", "entries",
        "envelope", "event_id",
        "event_type", "file", "line", "modified", "name", "origin", "path", "policy", "pulled", "reason",
        "received",
        "same_event_as", "seq", "sha256", "source", "uploaded_as",
    ])
    func eachMemberOfAReceiptIsComparedWithTheLedger(member: String) async throws {
        let drop = try await released("a")[0]
        let place = "state/staging/receipts/\(drop.id).json"
        var members = try #require(JSONValue(parsing: Array(try gate.read(place).utf8)).object)
        switch members[member] {
        case .int(let number)?: members[member] = .int(number + 1)
        case .array?: members[member] = ["vsee/messenger"]
        case nil where member == "line": members[member] = 1
        default: members[member] = member == "drop" ? .string(DropID.make(milliseconds: 1)) : "other"
        }
        try gate.write(place, String(decoding: CanonicalJSON.encode(.object(members)), as: UTF8.self) + "\n")
        let found = try await findings()
        #expect(found.count == 1 && found[0]["finding"] == "receipt differs", "\(found)")
        #expect(found[0]["members"] == .array([.string(member)]), "\(found)")
    }

    @Test func aMemberOfALaterReleaseIsNoDifference() async throws {
        let drop = try await released("a")[0]
        let place = "state/staging/receipts/\(drop.id).json"
        try gate.write(place, try gate.read(place).replacing("{\"bytes\"", with: "{\"aaa\":[1],\"bytes\""))
        #expect(try await findings(status: 0).isEmpty)
    }
}
