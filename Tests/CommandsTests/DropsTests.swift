// `dropgate drops list` and `show`: from a file to its receipt and back, in one shape, and what is told of files that are gone.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import Logging
import Staging
import TLS
import Testing

@testable import Management

@Suite(.timeLimit(.minutes(1))) struct DropsTests {
    let gate: TestGate

    init() throws { gate = try TestGate.plain() }

    /// Members that a drop has beside those of its receipt.
    static let own: Set<String> = ["id", "state", "staging", "receipt_file", "due", "taken", "acknowledged"]

    func open(_ layout: Intake.Layout = .file) throws -> Intake {
        var configuration = Intake.Configuration(
            node: "gate-1", ledger: LedgerHandle(file: gate.path("state/ledger.sqlite")),
            stagingPath: gate.path("state/staging"))
        configuration.layout = layout
        return try Intake.open(
            configuration, policy: gate.policy(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private static func attempt(_ kind: EntryKind, _ channel: Channel) throws -> Attempt {
        var attempt = Attempt(kind: kind, channel: channel, verdict: .accepted, reason: .listed)
        attempt.source = Endpoint(ip: try IPAddress("20.21.208.105"), port: 4)
        attempt.entries = ["vsee/clinic"]
        attempt.policy = "sha256:00"
        return attempt
    }

    private static func event(_ id: String) -> WebhookEvent {
        WebhookEvent(
            path: "/webhooks/vsee", body: Array("{\"id\":\"\(id)\"}".utf8), eventID: id,
            eventType: "visit.ended",
            envelope: "v2", contentType: "application/json")
    }

    func receive(_ ids: String..., in intake: Intake) async throws -> [DropOutcome] {
        var drops: [DropOutcome] = []
        for id in ids {
            drops.append(try await intake.receive(Self.event(id), attempt: Self.attempt(.request, .webhook)))
        }
        return drops
    }

    /// An uploaded file, under the name that the gate gives it.
    /// - Parameter sha256: as its session has told it.
    func upload(
        _ path: String, _ text: String, in intake: Intake, milliseconds: Int64 = 1,
        sha256: String = String(repeating: "a", count: 64)
    ) async throws -> DropOutcome {
        let id = DropID.make(milliseconds: milliseconds)
        try gate.write("state/staging/incoming/sftp/acme/parts/\(id).part", text)
        var attempt = try Self.attempt(.transfer, .sftp)
        attempt.account = "acme"
        return try await intake.commit(
            FinishedUpload(
                dropID: id, account: "acme", path: path, bytes: Int64(text.utf8.count),
                sha256: sha256, modified: nil), attempt: attempt)
    }

    static func sha256(of text: String) -> String { SHA256.hash(data: Array(text.utf8)).hex }

    func lines(_ arguments: String...) async throws -> [JSONValue] {
        let answer = await TestGate.run(
            ["drops"] + arguments + ["--format", "json", "--config", gate.config])
        #expect(answer.status == 0, "\(answer)")
        return try answer.out.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
    }

    private func shown(_ text: String) async throws -> [String] {
        try await lines("show", text).compactMap { $0["drop"]?.string }
    }

    func remove(_ file: String) throws {
        try FileManager.default.removeItem(atPath: gate.path("state/staging/\(file)"))
    }

    @Test func aPathOfAnyFormLeadsToItsDrop() async throws {
        let intake = try open()
        let event = try await receive("e-1", in: intake)[0]
        let labs = try await upload("2026/a b.csv", "1", in: intake)
        await intake.waitUntilStaged()
        await intake.close()
        let staging = gate.path("state/staging")
        try FileManager.default.createSymbolicLink(
            atPath: gate.path("link"), withDestinationPath: staging + "/ready")
        for (drop, name) in [(event, event.name), (labs, "sftp/acme/\(labs.name)")] {
            let paths = [
                drop.id, drop.id.uppercased(), "\(staging)/ready/\(name)", "ready/\(name)",
                name,
                "./ready/\(name)", "\(staging)//ready/x/../\(name)", gate.path("link/\(name)"),
                "receipts/\(drop.id).json", "\(staging)/receipts/\(drop.id).json",
            ]
            for path in paths { #expect(try await shown(path) == [drop.id], "\(path)") }
        }
        let moved = "/elsewhere/" + (event.name.split(separator: "/").last.map(String.init) ?? "")
        #expect(try await shown(moved) == [event.id], "its name has the drop's id")
        for path in [
            "ready/sftp/acme/other.csv", "/elsewhere/x-\(event.id).json",
            "ready/webhook/2026-11-23/x-\(event.id).json",
            "receipts/\(DropID.make(milliseconds: 9)).json", "/", "ready/", "ready/sftp/acme/\(labs.name)/x",
        ] {
            let answer = await gate.run("drops", "show", path)
            #expect(
                answer.status == 1 && answer.error.hasPrefix("dropgate: no drop is known by the path"),
                "\(path): \(answer)")
        }
    }

    @Test func ofOnePathTheDropThatLayThereLastIsShown() async throws {
        let intake = try open()
        let monday = try await upload("day.csv", "mon", in: intake, milliseconds: 1)
        await intake.waitUntilStaged()
        #expect(try await shown("ready/sftp/acme/day.csv") == [monday.id])
        try remove("ready/sftp/acme/day.csv")
        let tuesday = try await upload("day.csv", "tues", in: intake, milliseconds: 2)
        await intake.waitUntilStaged()
        let second = try await upload("day.csv", "wed", in: intake, milliseconds: 3)
        await intake.waitUntilStaged()
        await intake.close()
        #expect(try await shown("ready/sftp/acme/day.csv") == [tuesday.id])
        #expect(try await shown("ready/sftp/acme/day~2.csv") == [second.id])
    }

    @Test func aBatchLeadsToItsEventsAndALineToOne() async throws {
        let drops = try await receivedTogether(["a", "b", "c"], .ndjson)
        let batch = try #require(try await lines("show", drops[0].id)[0]["file"]?.string)
        let all = try await lines("show", batch)
        #expect(
            all.map { $0["drop"]?.string } == drops.map(\.id) && all.map { $0["line"]?.int } == [1, 2, 3])
        #expect(try await shown("\(gate.path("state/staging"))/\(batch):2") == [drops[1].id])
        #expect(await gate.run("drops", "show", "\(batch):4").status == 1)
        try remove(batch)
        #expect(try await shown("\(batch):3") == [drops[2].id], "the ledger knows it, too")
    }

    /// Events that are released together: they came while staging could release nothing.
    private func receivedTogether(_ ids: [String], _ layout: Intake.Layout) async throws -> [DropOutcome] {
        let (receipts, away) = (gate.path("state/staging/receipts"), gate.path("away"))
        var drops: [DropOutcome] = []
        do {
            let intake = try open(layout)
            try FileManager.default.moveItem(atPath: receipts, toPath: away)
            try Data().write(to: URL(filePath: receipts))
            for id in ids { drops += try await receive(id, in: intake) }
            await intake.close()
        }
        try FileManager.default.removeItem(atPath: receipts)
        try FileManager.default.moveItem(atPath: away, toPath: receipts)
        let intake = try open(layout)
        await intake.waitUntilStaged()
        await intake.close()
        return drops
    }

    /// The same, as they are shown, in the order of their entries.
    func together(_ count: Int, _ layout: Intake.Layout) async throws -> [JSONValue] {
        _ = try await receivedTogether((0..<count).map { "t-\($0)" }, layout)
        return try await lines("list", "--limit", "0").sorted {
            ($0["seq"]?.int ?? 0) < ($1["seq"]?.int ?? 0)
        }
    }

    @Test func theDirectoryOfABatchAndItsReceiptsLeadToItsEvents() async throws {
        let drops = try await together(24, .file)
        let files = drops.compactMap {
            $0["file"]?.string?.split(separator: "/").dropLast().joined(separator: "/")
        }
        let directory = try #require(files.first { $0.contains("-events-") }, "\(files)")
        let ids = zip(files, drops).filter { $0.0 == directory }.compactMap { $0.1["drop"]?.string }
        let receipts = "receipts/" + directory.dropFirst("ready/".count) + ".ndjson"
        #expect(ids.count >= 16 && drops.contains { $0["receipt_file"]?.string == receipts })
        let staging = gate.path("state/staging")
        for path in [
            directory, "\(staging)/\(directory)", "\(staging)/\(directory)/", receipts,
            "\(staging)/\(receipts)",
            directory + ".ndjson",
        ] { #expect(try await shown(path) == ids, "\(path)") }
        for path in [receipts, "\(staging)/\(receipts)"] {
            #expect(try await shown("\(path):2") == [ids[1]])
            for line in ["0", "-1", "\(ids.count + 1)", "x", ""] {
                #expect(await gate.run("drops", "show", "\(path):\(line)").status == 1, "\(line)")
            }
        }
        try remove(receipts)
        #expect(try await shown("\(receipts):1") == [ids[0]], "the ledger knows it, too")
        let acknowledged = await gate.run("drops", "ack", ids[0])
        #expect(acknowledged.status == 0, "\(acknowledged)")
    }

    @Test func theReceiptsOfABatchOfLinesLeadToThem() async throws {
        let drops = try await together(3, .ndjson)
        let file = try #require(drops[0]["receipt_file"]?.string)
        #expect(try #require(drops[0]["file"]?.string) == "ready/" + file.dropFirst("receipts/".count))
        let ids = drops.compactMap { $0["drop"]?.string }
        #expect(try await shown(file) == ids)
        #expect(try await shown("\(file):3") == [ids[2]])
    }

    /// The bytes are there as they came, so nobody has altered them.
    @Test func aLineWhoseReceiptIsDamagedOrGoneIsNotSaidToBeAltered() async throws {
        let drops = try await together(3, .ndjson)
        let ids = drops.compactMap { $0["drop"]?.string }
        let file = try #require(drops[0]["receipt_file"]?.string)
        let text = try gate.read("state/staging/\(file)")
        try #require(text.split(separator: "\n").count == 3, "one batch")
        #expect(
            await gate.run("drops", "verify").out
                == "3 intact, 0 altered, 0 receipt differs, 0 foreign, 0 taken\n")
        try gate.write("state/staging/\(file)", text.replacing("\"drop\":\"\(ids[1])\"", with: "x"))
        let damaged = await gate.run("drops", "verify")
        #expect(damaged.status == 1 && damaged.out.contains("receipt differs  \(ids[1])"), "\(damaged)")
        #expect(damaged.out.contains(": it has no receipt, or none that the gate wrote\n"), "\(damaged)")
        #expect(
            damaged.out.hasSuffix("2 intact, 0 altered, 1 receipt differs, 0 foreign, 0 taken\n"),
            "\(damaged)")
        try remove(file)
        let gone = await gate.run("drops", "verify")
        #expect(gone.out.hasSuffix("0 intact, 0 altered, 3 receipt differs, 0 foreign, 0 taken\n"), "\(gone)")
        #expect(try await lines("show", ids[0])[0]["receipt_file"] == nil)
        let batch = try #require(drops[0]["file"]?.string)
        let bodies = try gate.read("state/staging/\(batch)").split(separator: "\n").map(String.init)
        try gate.write(
            "state/staging/\(batch)", bodies[0] + "\n" + bodies[0] + "\n" + bodies[2] + "\n")
        let altered = await gate.run("drops", "verify")
        #expect(altered.out.contains("altered  \(ids[1])"), "\(altered)")
        #expect(
            altered.out.hasSuffix("0 intact, 1 altered, 2 receipt differs, 0 foreign, 0 taken\n"),
            "\(altered)")
        try gate.write("state/staging/\(batch)", bodies[0] + "\nnonsense\n")
        let short = try await verified(ids[1], ids[2])
        #expect(short.allSatisfy { $0["finding"] == "altered" && $0["differs"] == "line" }, "\(short)")
        #expect(
            short.compactMap { $0["cause"]?.string }
                == [2, 3].map { "line \($0) of the file holds no event" })
    }

    /// The findings of a verification of some drops that is not good.
    func verified(_ ids: String...) async throws -> [JSONValue] {
        let answer = await gate.run(["drops", "verify", "--format", "json"] + ids)
        #expect(answer.status == 1 && answer.error.isEmpty, "\(answer)")
        return try answer.out.split(separator: "\n").dropLast().map { try JSONValue(parsing: Array($0.utf8)) }
    }

    /// Of its file there is one look for all its events, whichever is asked for first.
    @Test func aBatchIsReadOnceForAllItsEvents() async throws {
        let drops = try await together(3, .ndjson)
        let reader = try gate.openReader()
        let records = try drops.compactMap { try reader.drop(id: $0["drop"]?.string ?? "") }
        try #require(records.count == 3)
        let path = records[0].readyPath
        try #require(records.allSatisfy { $0.readyPath == path }, "one batch")
        let staging = try StagingArea(lookingInto: gate.path("state/staging"))
        let batches = BatchDigests(staging: staging, reader: reader)
        let last = try batches.event(of: records[2])
        try gate.write("state/staging/ready/\(path)", "nothing of that\n")
        let first = try batches.event(of: records[0])
        #expect(last.line == 3 && first.line == 1)
        #expect(first.event?.content.bytes == drops[0]["bytes"]?.int)
        #expect(first.event?.content.hex == drops[0]["sha256"]?.string)
        #expect(last.event?.content.hex == drops[2]["sha256"]?.string)
        batches.forget()
        let altered = try batches.event(of: records[1])
        #expect(altered.event == nil && altered.line == 2, "read anew")
    }

    @Test func aDropWhoseEntryIsRemovedByRetentionIsNotComparedAndNotBlamed() async throws {
        let drop = try await released("a")[0]
        let ledger = LedgerHandle(file: gate.path("state/ledger.sqlite"))
        do {
            let store = try ledger.open(node: "t")
            let call = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
            _ = try store.commit(Array(repeating: .append(call, drop: nil), count: 300), now: .now())
            let segment = try ledger.sealing().writeSegment(0, 0..<256)
            _ = try store.commit([.sealed(segment), .clearSealed(below: 256, limit: 300)], now: .now())
            _ = try store.commit([.segmentRemoved(segment)], now: .now())
            try FileManager.default.removeItem(atPath: gate.path("state/segments/\(segment.fileName)"))
        }
        // Whatever its bytes are by now.
        try gate.write("state/staging/ready/\(drop.name)", "zz")
        let answer = await gate.run("drops", "verify", drop.id)
        #expect(answer.status == 0 && answer.out.contains("not compared  \(drop.id)"), "\(answer)")
        #expect(answer.out.contains("1 not compared"), "\(answer)")
    }

    @Test func ofWhatIsAlteredItIsSaidWhatDiffers() async throws {
        let drops = try await released("a", "b", "c")
        let ready = "state/staging/ready/"
        let text = try gate.read(ready + drops[0].name)
        let other = text.replacing("a", with: "x")
        try gate.write(ready + drops[0].name, other)
        try gate.write(ready + drops[1].name, "zz")
        let receipts = try await lines("show", drops[2].id)[0]["receipt_file"]?.string
        let receipt = "state/staging/" + (try #require(receipts))
        try gate.write(receipt, try gate.read(receipt).replacing("\"bytes\":", with: "\"bytes\":1"))
        let found = try await verified(drops[0].id, drops[1].id, drops[2].id)
        #expect(found.map { $0["differs"]?.string } == ["sha256", "size", "receipt"], "\(found)")
        let (digest, size) = (found[0], found[1])
        let listed = try await lines("show", drops[0].id)[0]
        let expected = try #require(listed["sha256"]?.string)
        #expect(digest["finding"] == "altered" && digest["expected_sha256"]?.string == expected)
        let changed = try #require(digest["found_sha256"]?.string)
        #expect(changed != expected && changed.count == 64)
        #expect(digest["cause"]?.string == "its SHA-256 is \(changed); the ledger says \(expected)")
        #expect(size["expected_bytes"]?.int == Int64(text.utf8.count) && size["found_bytes"]?.int == 2)
        let words = "it has 2 bytes; the ledger says \(text.utf8.count)"
        #expect(size["cause"]?.string == words)
        #expect(found[2]["finding"] == "receipt differs" && found[2]["members"] == ["bytes"], "\(found[2])")
        let told = await gate.run("drops", "verify").out
        #expect(told.contains("altered  \(drops[1].id)  \(drops[1].name): \(words)\n"), "\(told)")
    }

    /// Events, each in a file of its own.
    func released(_ ids: String...) async throws -> [DropOutcome] {
        let intake = try open()
        var drops: [DropOutcome] = []
        for id in ids { drops += try await receive(id, in: intake) }
        await intake.waitUntilStaged()
        await intake.close()
        return drops
    }

    @Test(arguments: ["directory", "link", "pipe"])
    func whatIsNoFileInADropsPlaceIsAlteredAndHidesNoOtherAlteration(kind: String) async throws {
        let drops = try await released("a", "b", "c")
        let place = gate.path("state/staging/ready/\(drops[2].name)")
        try remove("ready/\(drops[2].name)")
        switch kind {
        case "directory":
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        case "link":
            try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: "/etc/hostname")
        default: #expect(mkfifo(place, 0o600) == 0)
        }
        try gate.write("state/staging/ready/\(drops[0].name)", "zz")
        let answer = await gate.run("drops", "verify")
        #expect(answer.status == 1 && answer.error.isEmpty, "\(answer)")
        for drop in [drops[0], drops[2]] { #expect(answer.out.contains("altered  \(drop.id)"), "\(answer)") }
        #expect(
            answer.out.hasSuffix("1 intact, 2 altered, 0 receipt differs, 0 foreign, 0 taken\n"), "\(answer)")
        let json = await gate.run("drops", "verify", "--format", "json")
        #expect(json.status == 1 && json.out.hasSuffix("{\"altered\":2,\"intact\":1}\n"), "\(json)")
        let found = try await verified(drops[2].id)[0]
        let cause = try #require(found["cause"]?.string)
        #expect(found["differs"] == "type" && cause.hasPrefix("\(place) is "), "\(found)")
        #expect(cause.contains(kind == "link" ? "symbolic link" : "not a regular file"), "\(found)")
    }

    @Test func whatCannotBeReadIsAFindingWithItsReasonAndHidesNoAlteration() async throws {
        let event = try await released("a")[0]
        let intake = try open()
        // Its bytes are not those that its session has told of.
        let altered = try await upload("labs.csv", "1", in: intake)
        await intake.waitUntilStaged()
        await intake.close()
        let place = gate.path("state/staging/ready/webhook")
        try FileManager.default.moveItem(atPath: place, toPath: gate.path("away"))
        try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: gate.path("away"))
        let answer = await gate.run("drops", "verify")
        #expect(answer.status == 1, "something is altered: \(answer)")
        #expect(answer.out.contains("altered  \(altered.id)"), "\(answer)")
        #expect(answer.out.contains("unreadable  \(event.id)"), "\(answer)")
        #expect(answer.out.contains("\(place) is a symbolic link"), "\(answer)")
        let json = await gate.run("drops", "verify", event.id, "--format", "json")
        let lines = try json.out.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
        #expect(json.status == 78 && json.error.contains("1 drop could not be verified"), "\(json)")
        #expect(lines.count == 2 && lines[0]["finding"] == "unreadable", "\(json)")
        #expect(lines[0]["reason"]?.string?.contains("put the directory itself back") == true, "\(json)")
        #expect(lines[1]["unreadable"]?.int == 1, "\(json)")
    }

    @Test func whatAPersonHasWithdrawnIsNotSaidToBeTakenBackByItsSender() async throws {
        let id: String
        do {
            let intake = try open()
            id = try await upload("wrong.csv", "1", in: intake).id
            await intake.waitUntilStaged()
            await intake.close()
        }
        let withdrawn = await gate.run("drops", "withdraw", id)
        #expect(withdrawn.status == 0, "\(withdrawn)")
        let answer = await gate.run("drops", "ack", id)
        let words = "drop \(id) was withdrawn before it was acknowledged"
        #expect(answer.status == 1 && answer.error.contains(words), "\(answer)")
    }

    @Test func aReceiptThatIsGoneIsNotShown() async throws {
        let intake = try open()
        let drop = try await receive("a", in: intake)[0]
        await intake.waitUntilStaged()
        await intake.close()
        #expect(await gate.run("drops", "show", drop.id).out.contains("receipt_file   "))
        try remove("receipts/\(drop.id).json")
        #expect(try await lines("show", drop.id)[0]["receipt_file"] == nil)
        #expect(await !gate.run("drops", "show", drop.id).out.contains("receipt_file"))
    }

    /// Staged by a version whose names had no drop id.
    @Test func aFileOfAnEarlierVersionLeadsToItsDrop() async throws {
        let id = DropID.make(milliseconds: 5)
        var attempt = try Self.attempt(.request, .webhook)
        attempt.drop = DropFacts(id: id, name: "", bytes: 2, sha256: String(repeating: "a", count: 64))
        let time = try #require(Instant(rfc3339: "2026-11-23T08:15:30.123456Z"))
        let path = "webhook/2026-11-23/081530.123456Z-visit.ended-5c34979c.json"
        // That version knew of no mark in it.
        _ = try StagingArea(path: gate.path("state/staging"))
        do {
            let store = try LedgerHandle(file: gate.path("state/ledger.sqlite")).open(node: "gate-1")
            _ = try store.commit(
                [
                    .append(
                        attempt,
                        drop: DropRegistration(
                            id: id, content: .body(Array("{}".utf8)), repeatKey: [1], eventKey: nil,
                            keepsRepeats: false, readyPath: { _ in path }))
                ], now: time)
        }
        let intake = try open()
        await intake.waitUntilStaged()
        #expect(try await shown("ready/\(path)") == [id])
        #expect(await gate.run("drops", "ack", id).status != 0, "the gate has the ledger")
        #expect(try await intake.acknowledge(id))
        await intake.close()
        #expect(try await lines("show", "ready/\(path)")[0]["state"]?.string == "acknowledged")
    }

    @Test func listShowHeldAndReceiptsHaveOneShape() async throws {
        let intake = try open()
        let event = try await receive("e-1", in: intake)[0]
        var second = Self.event("e-1")
        second.body = Array("{ }".utf8)
        let other = try await intake.receive(second, attempt: Self.attempt(.request, .webhook))
        let labs = try await upload("labs.csv", "1", in: intake)
        var refused = try Self.attempt(.request, .webhook)
        (refused.verdict, refused.reason, refused.entries) = (.rejected, .notListed, [])
        await intake.hold(Self.event("held"), attempt: refused)
        await intake.waitUntilStaged()
        await intake.close()
        let own = Self.own
        let listed = try await lines("list")
        let held = try await lines("list", "--held")
        #expect(listed.count == 3 && held.count == 1)
        for line in listed + held {
            let id = try #require(line["drop"]?.string)
            #expect(try await lines("show", id) == [line])
            let file = try #require(line["receipt_file"]?.string)
            let receipt = try JSONValue(parsing: Array(gate.read("state/staging/\(file)").utf8))
            let members = line.object?.filter { !own.contains($0.key) }
            #expect(members == receipt.object, "\(id)")
            let data = try #require(line["file"]?.string)
            #expect(try Int64(gate.read("state/staging/\(data)").utf8.count) == line["bytes"]?.int)
        }
        let names: Set<String> = Set(Receipt.members).union(own)
        #expect((listed + held).allSatisfy { Set($0.object?.keys.map { $0 } ?? []).isSubset(of: names) })
        let shown = try await lines("show", other.id)[0]
        #expect(shown["same_event_as"]?.string == event.id && shown["entries"] == ["vsee/clinic"])
        #expect(shown["policy"] == "sha256:00" && shown["source"] == "20.21.208.105")
        #expect(
            shown["seq"]?.int == other.seq && held[0]["state"] == "held" && held[0]["reason"] == "not_listed")
        #expect(try await lines("show", labs.id)[0]["name"] == "labs.csv")
        let text = await gate.run("drops", "show", other.id).out
        #expect(
            text.contains("same_event_as  \(event.id)\n") && text.contains("entries        vsee/clinic\n"))
        let id = try #require(held[0]["drop"]?.string)
        #expect(await gate.run("drops", "show", id).out.contains("state          held\n"))
    }

    @Test func whatIsGoneIsTakenAndWhatWaitsIsListedAlone() async throws {
        // What it holds, the ledger's lock, goes with it.
        let drops = try await {
            let intake = try open()
            let drops = try await receive("a", "b", "c", in: intake)
            await intake.waitUntilStaged()
            #expect(try await intake.acknowledge(drops[2].id))
            await intake.close()
            return drops
        }()
        try remove("ready/\(drops[0].name)")
        func ids(_ arguments: String...) async throws -> [String] {
            let answer = await TestGate.run(
                ["drops", "list", "--format", "json", "--config", gate.config] + arguments)
            return try answer.out.split(separator: "\n").compactMap {
                try JSONValue(parsing: Array($0.utf8))["drop"]?.string
            }
        }
        #expect(try await ids("--waiting") == [drops[1].id])
        #expect(try await ids("--state", "taken") == [drops[0].id])
        #expect(try await ids("--state", "released") == [drops[1].id])
        #expect(try await ids("--state", "acknowledged", "--state", "taken") == [drops[2].id, drops[0].id])
        #expect(try await ids("--limit", "1", "--state", "taken") == [drops[0].id])
        let seen = try await lines("show", drops[0].id)[0]
        #expect(seen["state"] == "taken" && seen["taken"] == nil, "the gate has not found it yet")
        let found = Instant.now()
        try await {
            let intake = try open()
            try await intake.sweepStaging()
            await intake.close()
        }()
        let taken = try await lines("show", drops[0].id)[0]
        let time = try #require(taken["taken"]?.string.flatMap(Instant.init(rfc3339:)))
        #expect(taken["state"] == "taken" && time >= found)
        #expect(await gate.run("drops", "list", "--waiting", "--held").status == 64)
        #expect(await gate.run("drops", "list", "--waiting", "--state", "released").status == 64)
        let done = await gate.run("drops", "ack", drops[0].id)
        #expect(done.status == 0, "its consumer is done with it: \(done)")
    }

    @Test func whereStagingIsNotThereNothingIsTakenAndWhatWaitsCannotBeTold() async throws {
        let intake = try open()
        let drop = try await receive("a", in: intake)[0]
        await intake.waitUntilStaged()
        await intake.close()
        let staging = gate.path("state/staging")
        try FileManager.default.moveItem(atPath: staging, toPath: gate.path("disk"))
        let waiting = await gate.run("drops", "list", "--waiting")
        #expect(
            waiting.status == 75 && waiting.error.contains("there is no staging directory at \(staging)"),
            "\(waiting)")
        #expect(try await lines("show", drop.id)[0]["state"] == "released")
        // An empty one, as a start of the gate would make it.
        _ = try StagingArea(path: staging)
        #expect(try await lines("list")[0]["state"] == "released")
        #expect(try await lines("list", "--waiting").isEmpty)
    }

    @Test func ofAStagingDirectoryThatLacksReadyItIsSaidThatThisIsMissing() async throws {
        let drop = try await released("a")[0]
        let staging = gate.path("state/staging")
        try FileManager.default.moveItem(atPath: staging + "/ready", toPath: gate.path("away"))
        for command in [["list", "--waiting"], ["verify"], ["verify", drop.id]] {
            let answer = await gate.run(["drops"] + command)
            #expect(answer.status == 78, "\(command): \(answer)")
            #expect(
                answer.error.contains("\(staging)/ready is missing, and the rest of staging is there"),
                "\(answer)")
            #expect(answer.error.contains("put it back"), "\(answer)")
        }
        #expect(!FileManager.default.fileExists(atPath: staging + "/ready"), "who looks makes nothing")
        // As a place to mount on.
        try FileManager.default.removeItem(atPath: staging)
        try FileManager.default.createDirectory(atPath: staging, withIntermediateDirectories: false)
        let empty = await gate.run("drops", "verify")
        #expect(empty.status == 75 && empty.error.contains("is mounted there"), "\(empty)")
    }

    @Test func whatIsWithdrawnAndCannotBeRemovedIsAFailureAndNoRefusal() async throws {
        try await {
            let intake = try open()
            var refused = try Self.attempt(.request, .webhook)
            (refused.verdict, refused.reason, refused.entries) = (.rejected, .notListed, [])
            await intake.hold(Self.event("held"), attempt: refused)
            await intake.close()
        }()
        let id = try #require(try await lines("list", "--held")[0]["drop"]?.string)
        // A directory is no file: it stays.
        try gate.write("state/staging/quarantine/webhook/\(id)/obstacle/x", "")
        let answer = await gate.run("drops", "withdraw", id)
        #expect(answer.status == 70 && answer.out.isEmpty, "\(answer)")
        #expect(
            answer.error.contains("drop \(id) is withdrawn, and the entry that says so stands"), "\(answer)")
        #expect(answer.error.contains("quarantine/webhook/\(id).gone in staging"), "\(answer)")
        #expect(try await lines("list", "--held").isEmpty)
        #expect(await gate.run("drops", "withdraw", id).status == 1, "it is not held any more")
    }

    @Test func whatFailsOfOneDropKeepsNoOtherFromItsTurn() async throws {
        try await {
            let intake = try open()
            for name in ["first", "second"] {
                var refused = try Self.attempt(.request, .webhook)
                (refused.verdict, refused.reason, refused.entries) = (.rejected, .notListed, [])
                await intake.hold(Self.event(name), attempt: refused)
            }
            await intake.close()
        }()
        let ids = try await lines("list", "--held").compactMap { $0["drop"]?.string }
        try #require(ids.count == 2)
        try gate.write("state/staging/quarantine/webhook/\(ids[0])/obstacle/x", "")
        let none = DropID.make(milliseconds: 1)
        let answer = await gate.run("drops", "withdraw", ids[0], none, ids[1])
        #expect(answer.status == 70, "\(answer)")
        #expect(answer.error.contains("\(ids[0]) is withdrawn") && answer.error.contains(none), "\(answer)")
        #expect(answer.out.contains(ids[1]), "\(answer)")
        #expect(try await lines("list", "--held").isEmpty)
    }

    @Test func ofADropThatItsConsumerHasItIsNotSaidThatItIsReleased() async throws {
        let drop = try await {
            let intake = try open()
            let drop = try await receive("a", in: intake)[0]
            await intake.waitUntilStaged()
            await intake.close()
            return drop
        }()
        try remove("ready/\(drop.name)")
        let answer = await gate.run("drops", "release", drop.id)
        #expect(answer.status == 1, "\(answer)")
        #expect(answer.error.contains("is not held: it was released, and its consumer has taken it"))
    }

    @Test(arguments: ["ready/webhook", "incoming", "ready"])
    func whileStagingIsObstructedWhatWaitsIsNotToldAndTheStepIs(name: String) async throws {
        let intake = try open()
        let drop = try await receive("a", in: intake)[0]
        await intake.waitUntilStaged()
        await intake.close()
        let place = gate.path("state/staging/\(name)")
        try FileManager.default.moveItem(atPath: place, toPath: gate.path("away"))
        try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: gate.path("away"))
        for command in [["list", "--waiting"], ["verify", drop.id]] {
            let answer = await gate.run(["drops"] + command)
            #expect(answer.status == 78, "\(command): \(answer)")
            #expect(answer.error.contains("\(place) is a symbolic link"), "\(answer)")
            #expect(answer.error.contains("put the directory itself back in its place"), "\(answer)")
        }
        #expect(try await lines("show", drop.id)[0]["state"] == "released", "nobody has taken it")
    }
}
