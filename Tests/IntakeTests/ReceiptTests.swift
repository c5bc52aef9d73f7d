// The receipt that a release writes is the one that recovery would make from the entry, whatever the sender's texts are.
import Admission
import Foundation
import JSON
import Ledger
import Staging
import Support
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct ReceiptTests {
    /// Texts from outside as they may come: of other scripts, with controls, quotes and what reorders a line, long, empty.
    private static let pieces = [
        "a", "visit.ended", "Müller", "u\u{308}", "\u{7}", "\u{1B}[2J", "\u{202E}", "\"\\", "/", "\n", "👩‍⚕️",
        " ", "\u{0}",
        String(repeating: "x", count: 120),
    ]

    private static func text(_ random: inout SplitMix) -> String {
        (0..<Int.random(in: 0...4, using: &random)).map { _ in pieces.randomElement(using: &random)! }
            .joined()
    }

    private func expectTheSame(_ gate: Gate, _ drop: String) throws {
        var record = try #require(try gate.intake.drop(id: drop))
        let written = try #require(try gate.intake.staging.ready.receipt(drop, at: record.readyPath))
        let entry = try AcceptedEntry(#require(try gate.intake.ledger.reader().entry(seq: record.seq)).json)
        // As it was before the release: an event in a batch gets the path of the batch by it.
        record.readyPath = entry.facts.name
        var made = Receipt(entry, drop: record)
        (made.file, made.line, made.released) = (written.file, written.line, written.released)
        #expect(made == written)
    }

    @Test(arguments: [Intake.Layout.file, .ndjson])
    func ofAnEvent(layout: Intake.Layout) async throws {
        let gate = try Gate { $0.layout = layout }
        var random = SplitMix(seed: 12)
        var drops: Set<String> = []
        for number in 0..<200 {
            let event = WebhookEvent(
                path: "/" + Self.text(&random), body: Array("{\"n\":\(number / 2)}".utf8),
                eventID: Bool.random(using: &random) ? Self.text(&random) : nil,
                eventType: Bool.random(using: &random) ? Self.text(&random) : nil,
                envelope: ["v1", "v2", "unrecognised"].randomElement(using: &random)!,
                contentType: Bool.random(using: &random) ? Self.text(&random) : nil)
            var attempt = Gate.accepted
            if Bool.random(using: &random) { attempt.credential = Self.text(&random) }
            if Bool.random(using: &random) { attempt.source = nil }
            drops.insert(try await gate.intake.receive(event, attempt: attempt).id)
        }
        await gate.intake.waitUntilStaged()
        #expect(drops.count > 50)
        for drop in drops { try expectTheSame(gate, drop) }
    }

    @Test func ofAnUpload() async throws {
        let gate = try Gate()
        for (number, path) in ["a.csv", "d/ä.csv", "d/ u\u{308}\u{202E}.csv", "a.csv"].enumerated() {
            var upload = try gate.upload(path, "same")
            upload.dropID = DropID.make(milliseconds: Int64(number) + 5)
            let parts = gate.directory.file("staging/incoming/sftp/acme/parts")
            try Data("same".utf8).write(to: URL(filePath: parts + "/\(upload.dropID).part"))
            upload.modified = [nil, -5, 1_700_000_000, 1 << 50][number]
            upload.uploadedAs = number == 1 ? "d/ä.csv.tmp" : nil
            let outcome = try await gate.intake.commit(upload, attempt: Gate.transfer)
            await gate.intake.waitUntilStaged()
            try expectTheSame(gate, outcome.id)
        }
    }
}
