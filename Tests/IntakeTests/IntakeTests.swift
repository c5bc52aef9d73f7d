// What Intake promises to receivers and consumers.
import Admission
import Foundation
import JSON
import Ledger
import Staging
import Support
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct IntakeTests {
    @Test func aWebhookIsInReadyWithItsReceiptAndItsEntry() async throws {
        let gate = try Gate()
        let outcome = try await gate.intake.receive(
            Gate.event("5c34979c-30dc", body: #"{"a":1}"#), attempt: Gate.accepted)
        await gate.intake.waitUntilStaged()
        #expect(outcome.status == .stored)
        #expect(
            outcome.name.hasPrefix("webhook/")
                && outcome.name.hasSuffix("Z-visit.ended-5c34979c-\(outcome.id).json"))
        #expect(gate.ready() == [String(outcome.name)])
        #expect(gate.contents(outcome.name) == #"{"a":1}"#)
        let receipt = try #require(try gate.intake.staging.ready.receipt(outcome.id))
        #expect(receipt.seq == outcome.seq && receipt.file == "ready/" + outcome.name && receipt.bytes == 7)
        #expect(
            receipt.eventID == "5c34979c-30dc" && receipt.envelope == "v2"
                && receipt.source == "20.21.208.105")
        #expect(receipt.sha256 == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862")
        let entry = try #require(try gate.entries().first)
        #expect(entry["drop"]?["id"]?.string == outcome.id && entry["drop"]?["name"]?.string == outcome.name)
        #expect(
            try LedgerHandle(file: gate.directory.file("ledger.sqlite")).reader().body(seq: outcome.seq)
                == nil)
    }

    @Test func aRepeatAnswersWithTheFirstDropAndMakesNoSecondFile() async throws {
        let gate = try Gate()
        let first = try await gate.intake.receive(Gate.event("e1", body: "{}"), attempt: Gate.accepted)
        let second = try await gate.intake.receive(Gate.event("e1", body: "{}"), attempt: Gate.accepted)
        let other = try await gate.intake.receive(Gate.event("e1", body: "{ }"), attempt: Gate.accepted)
        await gate.intake.waitUntilStaged()
        #expect(second.status == .duplicate && second.id == first.id)
        #expect(other.status == .stored)
        #expect(gate.ready().count == 2)
        let reasons = try gate.entries().map { $0["reason"]?.string }
        #expect(reasons == ["listed", "duplicate", "listed"])
        #expect(try gate.intake.staging.ready.receipt(other.id)?.sameEventAs == first.id)
    }

    @Test func theSameBodyWithoutAnIDIsARepeatOnlyWithinItsWindow() async throws {
        let gate = try Gate()
        func send(_ id: String?) async throws -> DropOutcome.Status {
            var event = Gate.event(id, body: "{}")
            event.repeatsWithin = .zero
            return try await gate.intake.receive(event, attempt: Gate.accepted).status
        }
        #expect(try await [send(nil), send(nil)] == [.stored, .stored], "no window: two events")
        #expect(try await [send("e"), send("e")] == [.stored, .duplicate], "an id has no window")
        let long = Gate.event(nil, body: "{\"a\":1}")
        for expected in [DropOutcome.Status.stored, .duplicate, .duplicate] {
            #expect(try await gate.intake.receive(long, attempt: Gate.accepted).status == expected)
        }
    }

    @Test func typeOfContentStandsInEntryAndReceipt() async throws {
        let gate = try Gate()
        let id = try await gate.intake.receive(Gate.event("e", body: "{}"), attempt: Gate.accepted).id
        await gate.intake.waitUntilStaged()
        #expect(try gate.intake.staging.ready.receipt(id)?.contentType == "application/json")
        #expect(try gate.entries().last?["detail"]?["content_type"] == "application/json")
    }

    @Test func manyWebhooksAtOnceEachAppearOnce() async throws {
        let gate = try Gate()
        let names = try await withThrowingTaskGroup(of: String.self) { group in
            for index in 0..<1500 {
                group.addTask {
                    try await gate.intake.receive(
                        Gate.event("e\(index)", body: "{\"n\":\(index)}"), attempt: Gate.accepted
                    ).name
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        await gate.intake.waitUntilStaged()
        #expect(names.count == 1500)
        func last(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }
        #expect(Set(gate.ready().map(last)) == Set(names.map(last)) && gate.ready().count == 1500)
        let ready = gate.intake.staging.ready
        for drop in try gate.intake.ledger.reader().drops(states: [.released], limit: 2000) {
            #expect(try ready.receipt(drop.id, at: drop.readyPath)?.file == "ready/" + drop.readyPath)
            #expect(try ready.isOccupied(drop.readyPath))
        }
        #expect(gate.directory.files(under: "staging/incoming").isEmpty)
    }

    @Test func inNDJSONLayoutEveryEventIsOneLineWithItsExactBytes() async throws {
        let gate = try Gate { $0.layout = .ndjson }
        var ids: [String: String] = [:]
        for body in ["{\n \"a\": 1 }", "not json \u{1}", "{}"] {
            ids[try await gate.intake.receive(Gate.event(nil, body: body), attempt: Gate.accepted).id] = body
        }
        let binary = WebhookEvent(
            path: "/w", body: [0xFF, 0], eventID: nil, eventType: nil, envelope: "unrecognised",
            contentType: nil, looksLikeJSON: false)
        let binaryID = try await gate.intake.receive(binary, attempt: Gate.accepted).id
        await gate.intake.waitUntilStaged()
        var seen: [String: [UInt8]] = [:]
        for file in gate.ready() {
            #expect(file.hasSuffix(".ndjson"))
            for (index, text) in try #require(gate.contents(file)).split(separator: "\n").enumerated() {
                let line = try BatchLine(parsing: text.utf8)
                #expect(line.receipt.line == index + 1 && line.receipt.file == "ready/" + file)
                seen[line.receipt.drop] = line.bytes
                #expect(try gate.intake.staging.ready.receipt(line.receipt.drop, at: file) == line.receipt)
            }
        }
        #expect(seen == ids.mapValues { Array($0.utf8) }.merging([binaryID: [0xFF, 0]]) { $1 })
    }

    @Test func anUploadIsReleasedUnderItsNameAndNeverOverAnother() async throws {
        let gate = try Gate()
        let first = try await gate.intake.commit(gate.upload("in/a.xml", "one"), attempt: Gate.transfer)
        let second = try await gate.intake.commit(gate.upload("in/a.xml", "two"), attempt: Gate.transfer)
        let again = try await gate.intake.commit(gate.upload("in/a.xml", "one"), attempt: Gate.transfer)
        #expect([first.name, second.name, again.name] == ["in/a.xml", "in/a~2.xml", "in/a~3.xml"])
        #expect([first.status, second.status, again.status] == [.stored, .stored, .duplicate])
        #expect(
            gate.contents("sftp/acme/in/a.xml") == "one" && gate.contents("sftp/acme/in/a~2.xml") == "two")
        await gate.intake.waitUntilStaged()
        let receipt = try #require(try gate.intake.staging.ready.receipt(again.id))
        #expect(
            receipt.duplicateOf == first.id && receipt.name == "in/a.xml"
                && receipt.file == "ready/sftp/acme/in/a~3.xml")
        #expect(receipt.modified == "2023-11-14T22:13:20.000000Z")
    }

    @Test func aNameIsFreeAgainOnceItsConsumerTookTheFile() async throws {
        let gate = try Gate()
        _ = try await gate.intake.commit(gate.upload("day.csv", "mon"), attempt: Gate.transfer)
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/ready/sftp/acme/day.csv"))
        let next = try await gate.intake.commit(gate.upload("day.csv", "tue"), attempt: Gate.transfer)
        #expect(next.name == "day.csv" && gate.contents("sftp/acme/day.csv") == "tue")
    }

    @Test(arguments: ["../x", "a/../../x", "/etc/x", "", "a//b", "."])
    func aPathThatLeavesTheAccountIsRefused(path: String) async throws {
        let gate = try Gate()
        let upload = try gate.upload(path, "x")
        let error = await #expect(throws: IntakeError.self) {
            try await gate.intake.commit(upload, attempt: Gate.transfer)
        }
        #expect(error?.code == .badPath)
        #expect(gate.ready().isEmpty)
    }

    @Test func aLinkInReadyIsNeverFollowed() async throws {
        let gate = try Gate()
        let outside = try TemporaryDirectory("outside")
        let account = gate.directory.file("staging/ready/sftp/acme")
        try FileManager.default.createDirectory(atPath: account, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: account + "/in", withDestinationPath: outside.path)
        let upload = try gate.upload("in/a.xml", "x")
        await #expect(throws: IntakeError.self) {
            try await gate.intake.commit(upload, attempt: Gate.transfer)
        }
        #expect(outside.files(under: "").isEmpty)
    }

    @Test func belowTheReserveNothingIsAcceptedAndNothingStored() async throws {
        let gate = try Gate { $0.reserveBytes = .max }
        let error = await #expect(throws: IntakeError.self) {
            try await gate.intake.receive(Gate.event("e", body: "{}"), attempt: Gate.accepted)
        }
        #expect(error?.code == .stagingFull && error?.retryAfter != nil)
        #expect(try gate.entries().isEmpty)
        #expect(gate.intake.health.problems["space"] != nil)
    }

    @Test func aFloodIsCountedExactly() async throws {
        let gate = try Gate()
        var knock = Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed)
        for index in 0..<5000 {
            knock.source = Endpoint(ip: try IPAddress("10.0.0.\(index % 3)"), port: UInt16(index))
            gate.intake.note(knock)
        }
        await gate.intake.close()
        let entries = try gate.entries()
        #expect(entries.compactMap { $0["count"]?.int }.reduce(0, +) == 5000)
        #expect(entries.count <= 33)
        let held = entries.filter { ($0["count"]?.int ?? 0) > 1 }
        #expect(held.count == 3 && held.allSatisfy { $0["first"] != nil && $0["last"] != nil })
    }
}
