// Which upload of a name is the older one, where several are under way at once.
import Admission
import Foundation
import JSON
import Ledger
import LedgerSupport
import Staging
import Support
import Testing

@testable import Intake

@Suite(.timeLimit(.minutes(1))) struct OlderUploadTests: SenderTests {
    let clock = TestClock()

    private func sessions(_ gate: Gate) throws -> (SenderSession, SenderSession) {
        try (gate.intake.beginSession(of: "acme"), gate.intake.beginSession(of: "acme"))
    }

    /// A client that looks whether there is something to go on with closes it as it is. What is appended came after the other
    /// one had been begun.
    @Test(arguments: [(6, false), (9, true)] as [(Int64, Bool)])
    func aWholeUploadThatIsOpenedAgainIsNewerOnlyForWhatIsAppended(bytes: Int64, isNewer: Bool) async throws {
        let gate = try gate()
        let (slow, other) = try sessions(gate)
        let monday = try await send("d.tmp", "monday", slow, gate)
        let tuesday = try begin("d.tmp", "tuesday-half", slow, gate)
        var order = try order("d.tmp")
        order.fresh = false
        #expect(try gate.intake.open(order, other).drop == monday)
        await gate.intake.kept(monday, bytes: bytes, isWhole: true, modified: nil, other)
        let left = gate.intake.endSession(slow)
        #expect(left.map(\.drop) == [tuesday] && left.map(\.isSuperseded) == [isNewer])
        #expect(try size("d.tmp", other, gate) == (isNewer ? bytes : 12))
    }

    @Test func whatIsNewerUnderTheFormerNameSaysNothingOfTheNewOne() async throws {
        let gate = try gate()
        let (slow, other) = try sessions(gate)
        let half = try begin("u.tmp", "half", slow, gate)
        try await send("u.tmp", "whole", other, gate)
        try await rename("u.tmp", "b", other, gate)
        try await gate.intake.rename(
            SenderRename(
                from: #require(DropPath("u.tmp")), to: #require(DropPath("a")), replaces: false, open: half),
            attempt: Gate.transfer, slow)
        #expect(gate.intake.endSession(slow).map(\.isSuperseded) == [false])
        #expect(try size("a", other, gate) == 4)
    }

    /// It is renamed while it is written, and what was interrupted before is old only once it is whole.
    @Test(arguments: [true, false])
    func anInterruptedUploadIsNotInTheWayOfOneThatIsRenamedWhileItIsWritten(_ becomesWhole: Bool) async throws
    {
        let gate = try gate()
        let (dead, session) = try sessions(gate)
        _ = try begin("u.tmp", "interrupted", dead, gate)
        _ = gate.intake.endSession(dead)
        let partial = try hold("u.tmp", "whole", session, gate)
        try await gate.intake.rename(
            SenderRename(
                from: #require(DropPath("u.tmp")), to: #require(DropPath("v.tmp")), replaces: false,
                open: partial.drop), attempt: Gate.transfer, session)
        #expect(try size("u.tmp", session, gate) == 11)
        guard becomesWhole else { return }
        try partial.keepWhole(size: 5, sha256: partial.sha256(of: 5), modified: nil)
        await gate.intake.kept(partial.drop, bytes: 5, isWhole: true, modified: nil, session)
        #expect(try size("u.tmp", session, gate) == nil)
        #expect(try size("v.tmp", session, gate) == 5)
    }

    /// Accepted by its CLOSE under a final name, as most are.
    @Test func anUploadThatIsAcceptedAfterItWasRenamedMakesWhatIsOlderUnderItsFormerNameOld() async throws {
        let gate = try gate()
        let (dead, session) = try sessions(gate)
        let half = try begin("u.tmp", "half", dead, gate)
        let partial = try hold("u.tmp", "whole", session, gate)
        try await gate.intake.rename(
            SenderRename(
                from: #require(DropPath("u.tmp")), to: #require(DropPath("v.xml")), replaces: false,
                open: partial.drop), attempt: Gate.transfer, session)
        try partial.seal()
        _ = try await gate.intake.commit(
            FinishedUpload(
                dropID: partial.drop, account: "acme", path: "v.xml", bytes: 5,
                sha256: partial.sha256(of: 5), modified: nil), attempt: Gate.transfer)
        let left = gate.intake.endSession(dead)
        #expect(left.map(\.drop) == [half] && left.map(\.isSuperseded) == [true])
        #expect(try size("u.tmp", session, gate) == nil)
    }

    /// It has kept the name that the other one left.
    @Test func aWholeUploadIsNotOldForANewerOneThatWasRenamedAwayFromItsName() async throws {
        let gate = try gate()
        let (first, second) = try sessions(gate)
        let one = try gate.intake.open(order("u.tmp"), first)
        let two = try begin("u.tmp", "second", second, gate)
        try await gate.intake.rename(
            SenderRename(
                from: #require(DropPath("u.tmp")), to: #require(DropPath("y.tmp")), replaces: false, open: two
            ),
            attempt: Gate.transfer, second)
        let partial = try first.box.files.create("u.tmp", drop: one.drop, modified: nil, now: clock.now)
        try Array("first".utf8).withUnsafeBytes { try partial.write($0, [0..<$0.count], at: 0) }
        try partial.keepWhole(size: 5, sha256: partial.sha256(of: 5), modified: nil)
        await gate.intake.kept(one.drop, bytes: 5, isWhole: true, modified: nil, first)
        await gate.intake.kept(two, bytes: 6, isWhole: true, modified: nil, second)
        #expect(try size("u.tmp", first, gate) == 5)
        #expect(try size("y.tmp", first, gate) == 6)
    }

    /// Its sender was told that it has come.
    @Test func anOlderWholeUploadIsWithdrawnByANewerOneOfItsName() async throws {
        let gate = try gate()
        let (first, second) = try sessions(gate)
        let old = try await send("day.tmp", "monday", first, gate)
        let new = try await send("day.tmp", "tuesday", second, gate)
        #expect(quarantined(gate).sorted() == ["\(old)/day.tmp", "\(old)/receipt.json"])
        let receipt = try #require(try gate.intake.staging.quarantinedUpload(old, of: "acme"))
        #expect(receipt.reason == "withdrawn" && receipt.name == "day.tmp" && receipt.bytes == 6)
        let entry = try #require(try gate.entries().last)
        #expect(entry["reason"] == "withdrawn" && entry["verdict"] == "accepted")
        #expect(entry["account"] == "acme" && entry["drop"]?["id"]?.string == old)
        #expect(entry["detail"]?["newer"]?.string == new)
        #expect(entry["detail"]?["message"] == "a newer upload of its name is whole")
        #expect(first.box.usage.bytes == 7)
        try await rename("day.tmp", "day", second, gate)
        clock.pass(.seconds(6))
        await release([new], gate)
        #expect(gate.ready() == ["sftp/acme/day"] && gate.contents("sftp/acme/day") == "tuesday")
    }

    @Test func anOlderWholeUploadThatCannotBeWithdrawnIsKeptAndWithdrawnByTheNextOne() async throws {
        let disk = FailingDisk()
        let gate = try gate(disk: disk)
        let session = try gate.intake.beginSession(of: "acme")
        let one = try await send("d.tmp", "one", session, gate)
        disk.fails = true
        let two = try await send("d.tmp", "second", session, gate)
        disk.fails = false
        #expect(quarantined(gate).isEmpty && session.box.usage.bytes == 9)
        #expect(try size("d.tmp", session, gate) == 6)
        try await send("d.tmp", "third", session, gate)
        #expect(session.box.usage.bytes == 5)
        let files = [one, two].flatMap { ["\($0)/d.tmp", "\($0)/receipt.json"] }
        #expect(Set(quarantined(gate)) == Set(files))
        #expect(try reasons(gate) == ["withdrawn", "withdrawn"])
    }

    @Test(arguments: ["d.tmp", "in"], ["e", "f.tmp"])
    func anOlderWholeUploadThatCouldNotBeWithdrawnIsSoBeforeTheNewerOneIsRenamed(
        from: String, to: String
    ) async throws {
        let disk = FailingDisk()
        let gate = try gate(disk: disk)
        let session = try gate.intake.beginSession(of: "acme")
        if from == "in" { try gate.intake.makeDirectory(#require(DropPath("in")), session) }
        let path = from == "in" ? "in/d.tmp" : from
        let one = try await send(path, "one", session, gate)
        disk.fails = true
        try await send(path, "second", session, gate)
        await #expect(throws: SenderError.self) { try await rename(from, to, session, gate) }
        disk.fails = false
        try await rename(from, to, session, gate)
        #expect(try size(from == "in" ? "\(to)/d.tmp" : to, session, gate) == 6)
        #expect(quarantined(gate).contains { $0.hasPrefix(one) } && quarantined(gate).count == 2)
        #expect(try reasons(gate).filter { $0 == "withdrawn" }.count == 1)
        #expect(session.box.usage.names == (from == "in" ? 2 : 1))
    }

    private func parts(_ directory: TemporaryDirectory) -> [String] {
        directory.files(under: "staging/incoming/sftp/acme/parts")
    }

    /// A gate that could not withdraw the older of two whole uploads of `d.tmp`.
    private func failed(_ directory: TemporaryDirectory) async throws -> (gate: Gate, older: String) {
        let disk = FailingDisk()
        let gate = try gate(directory, disk: disk)
        let session = try gate.intake.beginSession(of: "acme")
        let older = try await send("d.tmp", "one", session, gate)
        disk.fails = true
        try await send("d.tmp", "second", session, gate)
        disk.fails = false
        #expect(parts(directory).contains("\(older).older"))
        return (gate, older)
    }

    private func end(_ gate: Gate) async {
        await gate.intake.close()
        gate.intake.closeLedger()
    }

    @Test func anOlderWholeUploadThatCouldNotBeWithdrawnIsSoBeforeARenameAlsoAfterARestart() async throws {
        let directory = try TemporaryDirectory("older")
        let older: String
        do {
            let before = try await failed(directory)
            older = before.older
            await end(before.gate)
        }
        let gate = try restarted(directory)
        let session = try gate.intake.beginSession(of: "acme")
        #expect(try size("d.tmp", session, gate) == 6 && session.box.usage.bytes == 9)
        try await rename("d.tmp", "e", session, gate)
        #expect(try size("e", session, gate) == 6 && session.box.usage.names == 1)
        #expect(quarantined(gate).sorted() == ["\(older)/d.tmp", "\(older)/receipt.json"])
        #expect(try reasons(gate) == ["withdrawn", "listed"])
        #expect(!parts(directory).contains { $0.hasPrefix(older) })
        await gate.intake.close()
    }

    /// Both are accepted. The gate has heard that it is whole, or ended before.
    @Test(arguments: [true, false])
    func whatWasBegunFirstAndBecameWholeLastIsNoOlderOneAfterARestart(isTold: Bool) async throws {
        let directory = try TemporaryDirectory("older")
        var drops: [String] = []
        do {
            let gate = try gate(directory)
            let (slow, other) = try sessions(gate)
            let partial = try hold("d.tmp", "slow", slow, gate)
            drops = [partial.drop, try await send("d.tmp", "monday", other, gate)]
            try partial.keepWhole(size: 4, sha256: partial.sha256(of: 4), modified: nil)
            partial.release()
            if isTold { await gate.intake.kept(partial.drop, bytes: 4, isWhole: true, modified: nil, slow) }
            await end(gate)
        }
        let gate = try restarted(directory)
        let session = try gate.intake.beginSession(of: "acme")
        try await rename("d.tmp", "d", session, gate)
        clock.pass(.seconds(6))
        await release(drops, gate)
        #expect(Set(gate.ready().compactMap(gate.contents)) == ["slow", "monday"])
        await gate.intake.close()
    }

    /// The newer one is written again meanwhile, so that the older one shows.
    @Test func anOlderWholeUploadThatIsAppendedToIsNoOlderOneForTheNextRun() async throws {
        let directory = try TemporaryDirectory("older")
        let (gate, older) = try await failed(directory)
        let (first, second) = try sessions(gate)
        var order = try order("d.tmp")
        order.fresh = false
        #expect(try gate.intake.open(order, first).drop != older)
        #expect(try gate.intake.open(order, second).drop == older)
        await gate.intake.kept(older, bytes: 4, isWhole: true, modified: nil, second)
        #expect(!parts(directory).contains { $0.hasSuffix(".older") })
        await gate.intake.close()
    }

    /// It waited for another try, and its sender, who was told so, has sent it again.
    @Test func ofAnUploadThatWasRefusedNothingIsKeptOnceItIsAccepted() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let refused = try hold("a", "refused", session, gate)
        try refused.keepWhole(size: 7, sha256: refused.sha256(of: 7), modified: nil)
        refused.release()
        await gate.intake.kept(refused.drop, bytes: 7, isWhole: true, modified: nil, session)
        #expect(try size("a", session, gate) == 7)
        try await send("a", "again", session, gate)
        let parts = gate.directory.files(under: "staging/incoming/sftp/acme/parts")
        #expect(!parts.contains("\(refused.drop).part") && quarantined(gate).isEmpty)
        #expect(try reasons(gate) == ["listed"] && session.box.usage.bytes == 5)
    }

    /// The one that a sender uses daily is not the first to go, after a restart neither.
    @Test func whenADirectoryWasUsedLastIsKnownToTheNextRun() async throws {
        let gate = try gate { $0.maxPendingNames = 5 }
        func tree(_ name: String) -> String {
            gate.directory.file("staging/incoming/sftp/acme/tree/\(name)")
        }
        func run(_ body: (SenderSession) throws -> Void) throws {
            gate.intake.boxes.forget(unusedFor: .zero)
            try body(gate.intake.beginSession(of: "acme"))
        }
        try run { session in
            for (index, name) in ["in", "1", "2", "3"].enumerated() {
                try gate.intake.makeDirectory(#require(DropPath(name)), session)
                let time = Date(timeIntervalSince1970: 1_600_000_000 + Double(index) * 1000)
                try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: tree(name))
            }
        }
        try run { session in
            gate.intake.discarded(try gate.intake.open(order("in/x"), session).drop, session)
        }
        clock.pass(.seconds(3600))
        try run { session in
            for name in ["4", "5"] { try gate.intake.makeDirectory(#require(DropPath(name)), session) }
        }
        #expect(FileManager.default.fileExists(atPath: tree("in")))
        #expect(!FileManager.default.fileExists(atPath: tree("1")))
    }
}
