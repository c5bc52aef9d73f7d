// Drops pulled from another gate: taken over once, under their own id, and only when they are what their receipt
// says.
import Admission
import Foundation
import JSON
import Ledger
import Logging
import Staging
import Support
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct DropImportTests {
    static let id = DropID.make(milliseconds: 7)

    private static let digests = [
        "data": "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7",
        "{}": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    ]

    static func receipt(_ text: String = "data", change: (inout Receipt) -> Void = { _ in }) -> Receipt {
        var receipt = Receipt(
            drop: id, channel: "sftp", name: "a.xml", file: "ready/sftp/vsee/a.xml",
            bytes: Int64(text.utf8.count), received: "2026-11-23T08:15:30.123456Z")
        receipt.seq = 42
        receipt.source = "20.21.208.105"
        receipt.account = "vsee"
        receipt.credential = "SHA256:abc"
        receipt.sha256 = digests[text]
        change(&receipt)
        return receipt
    }

    private func fetched(_ gate: Gate, _ text: String = "data") throws {
        try Data(text.utf8).write(
            to: URL(filePath: gate.directory.file("staging/incoming/pull/\(Self.id).part")))
    }

    private func drop(_ receipt: Receipt) throws -> PulledDrop {
        try PulledDrop(
            receipt, origin: "sftp://gate-2:2222", hostKey: "SHA256:host", peer: IPAddress("10.0.0.9"))
    }

    @Test func aFetchedUploadBecomesADropUnderItsOwnID() async throws {
        let gate = try Gate()
        try fetched(gate)
        let outcome = try await gate.intake.importDrop(drop(Self.receipt()))
        #expect(outcome.status == .stored && outcome.name == "sftp/vsee/a.xml")
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        let receipt = try #require(try gate.intake.staging.ready.receipt(Self.id))
        #expect(receipt.source == "20.21.208.105" && receipt.origin == "sftp://gate-2:2222")
        #expect(receipt.received == "2026-11-23T08:15:30.123456Z", "when a gate first had it")
        #expect(receipt.pulled == (try gate.entries().first?["time"]?.string) && receipt.released != nil)
        #expect(receipt.name == "a.xml" && receipt.account == "vsee" && receipt.seq == outcome.seq)
        let entry = try #require(try gate.entries().first)
        #expect(entry["drop"]?["received"]?.string == receipt.received)
        #expect(try gate.intake.drop(id: Self.id)?.received.description == receipt.received)
        #expect(entry["reason"] == "pulled" && entry["kind"] == "transfer" && entry["verdict"] == "accepted")
        #expect(entry["detail"]?["pulled_seq"] == 42 && entry["peer"]?["ip"] == "10.0.0.9")
        await gate.intake.waitUntilStaged()
        #expect(try gate.intake.standing(ofDrop: Self.id) == .kept)
        #expect(try await gate.intake.acknowledge(Self.id))
    }

    @Test func aKnownDropIsADuplicateAndItsFetchedFileGoes() async throws {
        let gate = try Gate()
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        await gate.intake.waitUntilStaged()
        try fetched(gate)
        let outcome = try await gate.intake.importDrop(drop(Self.receipt()))
        #expect(outcome.status == .duplicate)
        #expect(try gate.entries().count == 1 && gate.ready().count == 1)
        #expect(gate.directory.files(under: "staging/incoming/pull").isEmpty)
    }

    @Test func whatWasFetchedOfADropThatIsNotPendingIsThrownAway() async throws {
        let gate = try Gate()
        try fetched(gate)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .unknown)
        #expect(gate.directory.files(under: "staging/incoming/pull").count == 1)
        try gate.intake.discardFetched(Self.id)
        #expect(gate.directory.files(under: "staging/incoming/pull").isEmpty)
        try fetched(gate)
        _ = try await gate.intake.importDrop(drop(Self.receipt()))
        // Before and after the ledger's mark: the file lies in ready/.
        #expect(try gate.intake.standing(ofDrop: Self.id) == .kept)
        await gate.intake.waitUntilStaged()
        try fetched(gate)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .kept)
        #expect(gate.directory.files(under: "staging/incoming/pull").isEmpty)
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        #expect(throws: IntakeError.self) { try gate.intake.discardFetched("../ready") }
    }

    @Test func theLongestNameThatASenderMayGiveIsTaken() async throws {
        let gate = try Gate()
        try fetched(gate)
        let name = (Array(repeating: String(repeating: "d", count: 203), count: 5) + ["abcd"])
            .joined(separator: "/")
        #expect(name.utf8.count == 1024)
        let receipt = Self.receipt {
            $0.name = name
            $0.file = "ready/sftp/vsee/\(name)~2"
        }
        let outcome = try await gate.intake.importDrop(drop(receipt))
        #expect(outcome.status == .stored && "ready/" + outcome.name == receipt.file)
        #expect(gate.contents(outcome.name) == "data")
    }

    @Test func aFetchedEventKeepsItsNameAndIdentity() async throws {
        let gate = try Gate()
        try fetched(gate, "{}")
        let receipt = Self.receipt("{}") {
            $0.channel = "webhook"
            $0.account = nil
            $0.file = "ready/webhook/2026-11-23/081530.123456Z-visit.ended-1.json"
            $0.eventID = "e-1"
            $0.eventType = "visit.ended"
            $0.envelope = "v2"
        }
        let outcome = try await gate.intake.importDrop(drop(receipt))
        #expect(gate.contents(outcome.name) == "{}" && "ready/" + outcome.name == receipt.file)
        let written = try #require(try gate.intake.staging.ready.receipt(Self.id))
        #expect(written.eventID == "e-1" && written.eventType == "visit.ended" && written.envelope == "v2")
    }

    @Test func aNameThatWaitsGivesAnotherVersion() async throws {
        let gate = try Gate()
        try fetched(gate)
        let place = gate.directory.file("staging/ready/sftp/vsee")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: place + "/a.xml"))
        let outcome = try await gate.intake.importDrop(drop(Self.receipt()))
        #expect(outcome.name == "sftp/vsee/a~2.xml")
        #expect(gate.contents("sftp/vsee/a.xml") == "mine" && gate.contents("sftp/vsee/a~2.xml") == "data")
    }

    @Test func whatIsNotWhatItsReceiptSaysIsNotTaken() async throws {
        let gate = try Gate()
        let receipt = Self.receipt()
        await #expect(throws: IntakeError.self) { try await gate.intake.importDrop(drop(receipt)) }
        for text in ["date", "data and more"] {
            try fetched(gate, text)
            await #expect(throws: IntakeError.self) { try await gate.intake.importDrop(drop(receipt)) }
        }
        #expect(try gate.entries().isEmpty && gate.ready().isEmpty)
        #expect(gate.directory.files(under: "staging/incoming/pull") == ["\(Self.id).part"])
    }

    @Test(arguments: [
        "ready/sftp/other/a.xml", "ready/sftp/vsee", "ready/sftp/vsee/../a.xml", "ready/sftp/vsee//a.xml",
        "/ready/sftp/vsee/a.xml", "quarantine/sftp/vsee/a.xml", "ready/webhook/2026-11-23/a.json",
        "ready/sftp/vsee/a\u{1}.xml", "",
    ])
    func aPathThatIsNoReleasedDropsIsRefused(file: String) {
        #expect(throws: IntakeError.self) { try drop(Self.receipt { $0.file = file }) }
    }

    @Test func aReceiptThatNoGateWritesIsRefused() {
        let changes: [(inout Receipt) -> Void] = [
            { $0.drop = "../../etc" }, { $0.sha256 = nil }, { $0.sha256 = "00" }, { $0.bytes = -1 },
            { $0.channel = "console" }, { $0.source = "1.2.3" }, { $0.name = "a\nb" },
            { $0.eventID = String(repeating: "x", count: 801) },
            { $0.credential = String(repeating: "x", count: 257) }, { $0.received = "yesterday" },
            { $0.modified = "" }, { $0.name = String(repeating: "x", count: 1025) },
        ]
        for change in changes {
            #expect(throws: IntakeError.self) { try drop(Self.receipt(change: change)) }
        }
    }

    /// The other gate's is the last copy.
    @Test func aDropWhoseBytesAreLostIsNotKept() async throws {
        let gate = try Gate()
        try fetched(gate)
        try FileManager.default.createDirectory(
            atPath: gate.directory.file("staging/receipts/\(Self.id).json"),
            withIntermediateDirectories: false)
        #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .pending)
        _ = try await gate.intake.make(
            DropChange(id: Self.id, from: .pending, kind: .lost), Gate.transfer)
        #expect(try gate.intake.drop(id: Self.id)?.state == .lost)
        #expect(try gate.intake.standing(ofDrop: Self.id) == .pending)
        #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .pending)
        try gate.intake.discardFetched(Self.id)
        #expect(gate.directory.files(under: "staging/incoming/pull") == ["\(Self.id).part"])
        await gate.intake.close()
    }

    @Test func aCrashAfterTheCommitIsCompletedAtStart() async throws {
        let directory = try TemporaryDirectory("import")
        do {
            let gate = try Gate(directory)
            try fetched(gate)
            // What stands in the way makes the release fail, as a crash would.
            try FileManager.default.createDirectory(
                atPath: gate.directory.file("staging/receipts/\(Self.id).json"),
                withIntermediateDirectories: false)
            #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .pending)
            #expect(gate.intake.health.problems["release"] != nil && gate.ready().isEmpty)
            // The only copy: no question and no request takes it away, and nobody is told that it is kept.
            #expect(try await gate.intake.importDrop(drop(Self.receipt())).status == .pending)
            try gate.intake.discardFetched(Self.id)
            #expect(try gate.intake.standing(ofDrop: Self.id) == .pending)
            #expect(gate.directory.files(under: "staging/incoming/pull") == ["\(Self.id).part"])
            await gate.intake.close()
        }
        try FileManager.default.removeItem(atPath: directory.file("staging/receipts/\(Self.id).json"))
        // The first one's queues let go of the ledger a moment after they are done.
        var reopened: Gate?
        while reopened == nil {
            reopened = try? Gate(directory)
            await Task.yield()
        }
        let gate = try #require(reopened)
        #expect(gate.contents("sftp/vsee/a.xml") == "data")
        let receipt = try #require(try gate.intake.staging.ready.receipt(Self.id))
        #expect(receipt.origin == "sftp://gate-2:2222" && receipt.source == "20.21.208.105")
        #expect(receipt.channel == "sftp" && receipt.name == "a.xml" && receipt.seq == 0)
    }
}
