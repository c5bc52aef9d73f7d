// Which upload of a name is the older one, where several are under way at once.
import Admission
import Foundation
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
        gate.intake.kept(monday, bytes: bytes, isWhole: true, modified: nil, other)
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
        gate.intake.kept(partial.drop, bytes: 5, isWhole: true, modified: nil, session)
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
        gate.intake.kept(one.drop, bytes: 5, isWhole: true, modified: nil, first)
        gate.intake.kept(two, bytes: 6, isWhole: true, modified: nil, second)
        #expect(try size("u.tmp", first, gate) == 5)
        #expect(try size("y.tmp", first, gate) == 6)
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
