// What has waited in `ready/` for so long that its entry lies in a file of sealed entries: its sender sees it and changes it as before,
// and a crash on the way is made good.
import Admission
import Foundation
import Ledger
import Staging
import Support
import Testing
import Upkeep

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct SealedUploadTests: SenderTests {
    let clock = TestClock()

    /// Sends a file that its consumer leaves where it is, and has its entry sealed. Returns the drop.
    private func leave(_ path: String, in directory: TemporaryDirectory) async throws -> String {
        let gate = try gate(directory, settle: .zero)
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send(path, "waits", session, gate)
        await gate.intake.waitUntilStaged()
        for _ in 0..<256 {
            try await gate.intake.record(
                Attempt(kind: .connection, channel: .sftp, verdict: .rejected, reason: .notListed))
        }
        clock.pass(.seconds(90))
        try await Sealer(gate.intake, sealAfter: .zero, retain: nil, width: 256).sweep()
        let newest = try gate.intake.store.newestUploads(readyPaths: ["sftp/acme/\(path)"])
        #expect(newest.map(\.record.id) == [drop] && newest.map(\.entry) == [nil])
        await gate.intake.close()
        return drop
    }

    private func names(_ session: SenderSession, _ gate: Gate) throws -> [String] {
        try gate.intake.list(.root, after: nil, limit: 9, bytes: 1 << 20, session).entries
            .map { String(decoding: $0.name, as: UTF8.self) }
    }

    @Test(arguments: [true, false]) func itsSenderSeesIt(hasReceipt: Bool) async throws {
        let directory = try TemporaryDirectory("sealed")
        let drop = try await leave("a", in: directory)
        if !hasReceipt {
            try FileManager.default.removeItem(atPath: directory.file("staging/receipts/\(drop).json"))
        }
        let gate = try restarted(directory)
        let session = try gate.intake.beginSession(of: "acme")
        #expect(try names(session, gate) == ["a"])
        #expect(try size("a", session, gate) == 5)
    }

    @Test func itsSenderRenamesItAndTakesItBack() async throws {
        let directory = try TemporaryDirectory("sealed")
        let drop = try await leave("a", in: directory)
        let gate = try restarted(directory)
        let session = try gate.intake.beginSession(of: "acme")
        try await rename("a", "b", session, gate)
        await gate.intake.waitUntilStaged()
        #expect(gate.ready() == ["sftp/acme/b"] && gate.contents("sftp/acme/b") == "waits")
        #expect(try gate.intake.staging.ready.receipt(drop)?.name == "b")
        try await remove("b", session, gate)
        #expect(gate.ready().isEmpty)
        #expect(quarantined(gate).sorted() == ["\(drop)/b", "\(drop)/receipt.json"])
    }

    @Test func aRenameToATemporaryNameIsKnownAfterACrash() async throws {
        let directory = try TemporaryDirectory("sealed")
        _ = try await leave("a", in: directory)
        do {
            let gate = try restarted(directory)
            let session = try gate.intake.beginSession(of: "acme")
            try await rename("a", "a.tmp", session, gate)
            #expect(gate.ready().isEmpty)
        }
        let gate = try restarted(directory)
        let session = try gate.intake.beginSession(of: "acme")
        #expect(try names(session, gate) == ["a.tmp"])
        try await rename("a.tmp", "b", session, gate)
        #expect(gate.ready() == ["sftp/acme/b"] && gate.contents("sftp/acme/b") == "waits")
    }

    @Test(arguments: [true, false])
    func aChangeThatReachedTheLedgerIsCompleted(isRename: Bool) async throws {
        let directory = try TemporaryDirectory("sealed")
        let drop = try await leave("a", in: directory)
        do {
            let gate = try restarted(directory)
            let session = try gate.intake.beginSession(of: "acme")
            try await changeUpToTheLedger("a", drop, bytes: 5, to: isRename ? "b" : nil, session, gate)
        }
        let gate = try restarted(directory)
        #expect(gate.ready() == (isRename ? ["sftp/acme/b"] : []))
        #expect(quarantined(gate).contains("\(drop)/a") == !isRename)
        #expect(gate.directory.files(under: "staging/incoming").isEmpty)
    }
}
