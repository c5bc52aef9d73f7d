// A drop settles before it is released; until somebody takes it, its sender may rename and withdraw it. What the
// sender heard is what the ledger says and what the consumer gets, after a crash too.
import Admission
import Foundation
import JSON
import Ledger
import Staging
import Support
import Synchronization
import Testing
import Upkeep

@testable import Intake

@Suite(.timeLimit(.minutes(1)), .largeAndSmall) struct SettlingTests: SenderTests {
    let clock = TestClock()

    // MARK: Settling

    @Test func aDropIsReleasedWhenItHasSettledAndNotBefore() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send("a.hl7", "one", session, gate)
        #expect(try size("a.hl7", session, gate) == 3)
        clock.pass(.seconds(4))
        await release([drop], gate)
        #expect(gate.ready().isEmpty)
        clock.pass(.seconds(1))
        await release([drop], gate)
        #expect(gate.ready() == ["sftp/acme/a.hl7"])
        #expect(gate.directory.files(under: "staging/incoming/sftp/acme/parts").isEmpty)
        #expect(try size("a.hl7", session, gate) == 3)
    }

    @Test func aRenameWhileItSettlesGivesItItsFinalNameFromAnySession() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send("a.hl7.odd", "one", session, gate)
        let other = try gate.intake.beginSession(of: "acme")
        clock.pass(.seconds(4))
        try await rename("a.hl7.odd", "a.hl7", other, gate)
        clock.pass(.seconds(4))
        await release([drop], gate)
        #expect(gate.ready().isEmpty, "a rename begins the time anew")
        clock.pass(.seconds(2))
        await release([drop], gate)
        #expect(gate.ready() == ["sftp/acme/a.hl7"])
        let receipt = try #require(try gate.intake.staging.ready.receipt(drop))
        #expect(receipt.name == "a.hl7" && receipt.uploadedAs == "a.hl7.odd")
        #expect(receipt.file == "ready/sftp/acme/a.hl7")
        let entry = try #require(try gate.entries().first { $0["reason"] == "renamed" })
        #expect(entry["detail"]?["from"] == "a.hl7.odd" && entry["detail"]?["to"] == "a.hl7")
        #expect(entry["drop"]?["id"]?.string == drop && entry["verdict"] == "accepted")
    }

    @Test func goingOnRenamingProlongsForAMinuteAtMost() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let first = try await send("first", "1", session, gate)
        var last = "other"
        try await send(last, "2", session, gate)
        for index in 0..<14 {
            clock.pass(.seconds(4))
            try await rename(last, "other\(index)", session, gate)
            last = "other\(index)"
            await release([first], gate)
            #expect(gate.ready().isEmpty)
        }
        clock.pass(.seconds(5))
        await release([first], gate)
        #expect(gate.ready() == ["sftp/acme/first"])
    }

    @Test func aDirectoryAboveIsRenamedWithEverythingInIt() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        for folder in ["up", "up/in"] { try gate.intake.makeDirectory(#require(DropPath(folder)), session) }
        let released = try await send("up/released", "1", session, gate)
        clock.pass(.seconds(6))
        await release([released], gate)
        let settling = try await send("up/in/settling", "2", session, gate)
        let waiting = try await send("up/in/waits.tmp", "3", session, gate)
        try await rename("up", "down", session, gate)
        clock.pass(.seconds(6))
        await release([released, settling], gate)
        #expect(gate.ready().sorted() == ["sftp/acme/down/in/settling", "sftp/acme/down/released"])
        #expect(try size("down/in/waits.tmp", session, gate) == 1)
        #expect(try size("up", session, gate) == nil)
        #expect(session.box.state.withLock { $0.tree.item(waiting)?.isPartial } == true)
        #expect(try reasons(gate).filter { $0 == "renamed" }.count == 2)
    }

    @Test func aTemporaryDirectoryIsEmptiedByRenamingIt() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        try gate.intake.makeDirectory(#require(DropPath("tmp")), session)
        let drop = try await send("tmp/a.hl7", "one", session, gate)
        #expect(try record(drop, gate) == nil, "nothing was accepted under a temporary name")
        try await rename("tmp", "final", session, gate)
        clock.pass(.seconds(6))
        await release([drop], gate)
        #expect(gate.ready() == ["sftp/acme/final/a.hl7"])
        #expect(try gate.intake.staging.ready.receipt(drop)?.uploadedAs == "tmp/a.hl7")
    }

    @Test func aRemovalWhileItSettlesWithdrawsIt() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await send("wrong.hl7", "patient", session, gate)
        try await remove("wrong.hl7", session, gate)
        clock.pass(.seconds(6))
        await release([drop], gate)
        #expect(gate.ready().isEmpty)
        #expect(quarantined(gate).sorted() == ["\(drop)/receipt.json", "\(drop)/wrong.hl7"])
        #expect(try reasons(gate) == ["listed", "withdrawn"])
        #expect(try record(drop, gate)?.state == .withdrawn)
        #expect(try size("wrong.hl7", session, gate) == nil)
        let refusal = await #expect(throws: SenderError.self) {
            try await remove("wrong.hl7", session, gate)
        }
        #expect(refusal?.kind == .absent && refusal?.reason == nil)
    }

    // MARK: Released

    @Test func whatWaitsForItsConsumerIsRenamedWithItsReceipt() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await released("a", session, gate)
        try await rename("a", "b", session, gate)
        #expect(gate.ready() == ["sftp/acme/b"])
        let receipt = try #require(try gate.intake.staging.ready.receipt(drop))
        #expect(receipt.file == "ready/sftp/acme/b" && receipt.name == "b" && receipt.uploadedAs == "a")
        await gate.intake.waitUntilStaged()
        #expect(try record(drop, gate)?.state == .released && record(drop, gate)?.readyPath == "sftp/acme/b")
        #expect(gate.directory.files(under: "staging/incoming").isEmpty)
        try await rename("b", "c", session, gate)
        #expect(gate.ready() == ["sftp/acme/c"])
    }

    @Test func whatWaitsForItsConsumerIsWithdrawn() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await released("a", session, gate)
        try await remove("a", session, gate)
        #expect(gate.ready().isEmpty && gate.directory.files(under: "staging/receipts").isEmpty)
        #expect(quarantined(gate).sorted() == ["\(drop)/a", "\(drop)/receipt.json"])
    }

    @Test func whatAConsumerTookIsNeitherRenamedNorWithdrawn() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        _ = try await released("a", session, gate)
        let other = try gate.intake.beginSession(of: "acme")
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/ready/sftp/acme/a"))
        let changes: [(kind: SenderError.Kind, change: () async throws -> Void)] = [
            (.absent, { try await remove("a", other, gate) }),
            (.absent, { try await rename("a", "b", other, gate) }),
            // It still shows to the session that has sent it, until that removes it.
            (.failed, { try await rename("a", "b", session, gate) }),
            (.absent, { try await remove("a", session, gate) }),
        ]
        for (kind, change) in changes {
            #expect(try size("a", session, gate) == 8 && size("a", other, gate) == nil)
            let refusal = await #expect(throws: SenderError.self) { try await change() }
            #expect(refusal?.kind == kind && refusal?.reason == .forbiddenOperation)
            #expect(refusal?.message.contains("its consumer has taken it") == true)
        }
        #expect(try size("a", session, gate) == nil)
    }

    /// As WinSCP does, in the session that has sent the file before.
    @Test func whatAConsumerTookIsOverwrittenByRemovingAndRenaming() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let old = try await released("day.csv", session, gate)
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/ready/sftp/acme/day.csv"))
        let new = try await send("day.csv.tmp", "newer", session, gate)
        #expect(try size("day.csv", session, gate) == 8)
        let refusal = await #expect(throws: SenderError.self) { try await remove("day.csv", session, gate) }
        #expect(refusal?.kind == .absent && refusal?.reason == .forbiddenOperation)
        #expect(try size("day.csv", session, gate) == nil)
        try await rename("day.csv.tmp", "day.csv", session, gate)
        clock.pass(.seconds(6))
        await release([new], gate)
        #expect(gate.contents("sftp/acme/day.csv") == "newer" && quarantined(gate).isEmpty)
        for drop in [old, new] { #expect(try record(drop, gate)?.state == .released) }
    }

    @Test func whatAConsumerTookShowsToItsSessionForAWhileAndIsAbsentAfterwards() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        // Six seconds ago.
        let taken = try await released("a", session, gate)
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/ready/sftp/acme/a"))
        clock.pass(.seconds(23))
        #expect(try size("a", session, gate) == 8)
        clock.pass(.seconds(1))
        #expect(try size("a", session, gate) == nil)
        #expect(try gate.intake.list(.root, after: nil, limit: 9, bytes: 1 << 20, session).entries.isEmpty)
        let refusal = await #expect(throws: SenderError.self) { try await remove("a", session, gate) }
        #expect(refusal?.kind == .absent && refusal?.reason == .forbiddenOperation)
        #expect(refusal?.message.contains("its consumer has taken it") == true)
        var writing = try order("a")
        writing.fresh = false
        let opening = try gate.intake.open(writing, session)
        #expect(opening.standing == .fresh)
        gate.intake.putBack(opening.drop, session)
        let again = try await released("a", session, gate)
        #expect(again != taken && gate.ready() == ["sftp/acme/a"] && quarantined(gate).isEmpty)
        #expect(try size("a", session, gate) == 8)
    }

    @Test func aRenameBeginsTheTimeAnewInWhichATakenFileShows() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        _ = try await released("a", session, gate)
        clock.pass(.seconds(60))
        try await rename("a", "b", session, gate)
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/ready/sftp/acme/b"))
        clock.pass(.seconds(29))
        #expect(try size("b", session, gate) == 8 && size("a", session, gate) == nil)
        clock.pass(.seconds(1))
        #expect(try size("b", session, gate) == nil)
    }

    @Test func whatAConsumerAcknowledgedIsNeitherRenamedNorWithdrawn() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await released("a", session, gate)
        #expect(try await gate.intake.acknowledge(drop))
        await #expect(throws: SenderError.self) { try await remove("a", session, gate) }
        await #expect(throws: SenderError.self) { try await rename("a", "b", session, gate) }
        #expect(gate.ready() == ["sftp/acme/a"] && quarantined(gate).isEmpty)
        #expect(gate.directory.files(under: "staging/incoming").isEmpty)
    }

    @Test func aGateMayForbidAllChangesOfWhatIsReleased() async throws {
        let gate = try gate { $0.afterRelease = .refuse }
        let session = try gate.intake.beginSession(of: "acme")
        _ = try await released("a", session, gate)
        for change in [
            { try await remove("a", session, gate) }, { try await rename("a", "b", session, gate) },
        ] {
            let refusal = await #expect(throws: SenderError.self) { try await change() }
            #expect(refusal?.kind == .denied && refusal?.message.contains("sftp.after_release") == true)
        }
        #expect(gate.ready() == ["sftp/acme/a"])
    }

    @Test(arguments: [true, false])
    func aSenderThatOverwritesGetsExactlyThat(byRemoving: Bool) async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let old = try await released("day.csv", session, gate)
        let new = try await send("day.csv.tmp", "newer", session, gate)
        if byRemoving { try await remove("day.csv", session, gate) }
        try await rename("day.csv.tmp", "day.csv", session, gate, replaces: !byRemoving)
        clock.pass(.seconds(6))
        await release([new], gate)
        #expect(gate.ready() == ["sftp/acme/day.csv"] && gate.contents("sftp/acme/day.csv") == "newer")
        #expect(quarantined(gate).contains("\(old)/day.csv"))
    }

    @Test func renamingOntoWhatIsThereIsRefusedAndChangesNothing() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        _ = try await released("a", session, gate)
        let other = try await send("b", "2", session, gate)
        let refusal = await #expect(throws: SenderError.self) { try await rename("b", "a", session, gate) }
        #expect(refusal?.kind == .exists)
        clock.pass(.seconds(6))
        await release([other], gate)
        #expect(gate.ready() == ["sftp/acme/a", "sftp/acme/b"])
    }

    @Test func aDropThatIsRenamedToATemporaryNameWaitsForAnotherOne() async throws {
        let gate = try gate { $0.retention.resumeFor = .seconds(100) }
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try await released("a", session, gate)
        try await rename("a", "a.tmp", session, gate)
        #expect(gate.ready().isEmpty)
        clock.pass(.seconds(50))
        await release([drop], gate)
        #expect(gate.ready().isEmpty)
        try await rename("a.tmp", "b", session, gate)
        clock.pass(.seconds(6))
        await release([drop], gate)
        #expect(gate.ready() == ["sftp/acme/b"])
        try await rename("b", "b.tmp", session, gate)
        clock.pass(.seconds(101))
        await release([drop], gate)
        #expect(gate.ready().isEmpty && quarantined(gate).contains("\(drop)/b.tmp"))
        #expect(try reasons(gate).last == "incomplete")
    }

    @Test func whatASessionDeliveredShowsInPagesAfterItsConsumerTookIt() async throws {
        let gate = try gate(settle: .zero)
        let session = try gate.intake.beginSession(of: "acme")
        let names = (10..<40).map(String.init)
        for name in names { try await send(name, name, session, gate) }
        await gate.intake.waitUntilStaged()
        // Of some nobody has taken the file, some were taken back by another session.
        for name in names where !name.hasSuffix("5") {
            try FileManager.default.removeItem(
                atPath: gate.directory.file("staging/ready/sftp/acme/\(name)"))
        }
        let other = try gate.intake.beginSession(of: "acme")
        try await remove("15", other, gate)
        for limit in [1, 4, 100] {
            var found: [String] = []
            var hasMore = true
            while hasMore {
                let page = try gate.intake.list(
                    .root, after: found.last.map { Array($0.utf8) }, limit: limit, bytes: 1 << 20, session)
                #expect(page.entries.count <= limit)
                found += page.entries.map { String(decoding: $0.name, as: UTF8.self) }
                hasMore = page.hasMore && !page.entries.isEmpty
            }
            #expect(found == names.filter { $0 != "15" })
        }
    }

    @Test func aTimeThatComesAfterCloseIsInTheReceipt() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let path = try #require(DropPath("a"))
        let drop = try await send("a", "1", session, gate)
        try await gate.intake.setAttributes(path, size: 1, modified: 1_600_000_000, session)
        clock.pass(.seconds(6))
        await release([drop], gate)
        #expect(try gate.intake.staging.ready.receipt(drop)?.modified == "2020-09-13T12:26:40.000000Z")
        try await gate.intake.setAttributes(path, size: nil, modified: 1_600_000_001, session)
        #expect(try gate.intake.staging.ready.receipt(drop)?.modified == "2020-09-13T12:26:41.000000Z")
        await #expect(throws: SenderError.self) {
            try await gate.intake.setAttributes(path, size: 9, modified: nil, session)
        }
    }

    @Test func aTimeThatComesDuringTheReleaseIsInTheReceipt() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        var drops: [String] = []
        for number in 0..<50 { drops.append(try await send("\(number)", "1", session, gate)) }
        clock.pass(.seconds(6))
        let (intake, due) = (gate.intake, drops)
        async let released: Void = intake.settle(due, of: "acme")
        for number in 0..<50 {
            try await intake.setAttributes(
                #require(DropPath("\(number)")), size: nil, modified: 1_600_000_000, session)
        }
        await released
        #expect(gate.ready().count == 50)
        let times = try drops.map { try intake.staging.ready.receipt($0)?.modified }
        #expect(Set(times) == ["2020-09-13T12:26:40.000000Z"])
    }

    // MARK: After a stop

    @Test func whatSettledGoesOnSettlingAfterARestart() async throws {
        let directory = try TemporaryDirectory("settle")
        var drops: [String] = []
        do {
            let gate = try gate(directory)
            let session = try gate.intake.beginSession(of: "acme")
            drops.append(try await send("odd", "1", session, gate))
            drops.append(try await send("kept", "2", session, gate))
            drops.append(try await send("gone", "3", session, gate))
            try await rename("odd", "even", session, gate)
            try await remove("gone", session, gate)
        }
        do {
            let gate = try restarted(directory)
            #expect(gate.ready().isEmpty)
            let session = try gate.intake.beginSession(of: "acme")
            #expect(try size("even", session, gate) == 1 && size("odd", session, gate) == nil)
            try await rename("kept", "renamed", session, gate)
        }
        clock.pass(.seconds(6))
        let gate = try restarted(directory)
        #expect(gate.ready().sorted() == ["sftp/acme/even", "sftp/acme/renamed"])
        #expect(try gate.intake.staging.ready.receipt(drops[0])?.uploadedAs == "odd")
        #expect(gate.directory.files(under: "staging/incoming").filter { !$0.hasSuffix(".sealed") }.isEmpty)
    }

    @Test func aDropUnderATemporaryNameIsNotReleasedByARestartHoweverLate() async throws {
        let directory = try TemporaryDirectory("settle")
        let drop: String
        do {
            let gate = try gate(directory) { $0.retention.resumeFor = .seconds(100) }
            let session = try gate.intake.beginSession(of: "acme")
            drop = try await send("a", "1", session, gate)
            try await rename("a", "a.tmp", session, gate)
        }
        clock.pass(.seconds(101))
        let gate = try restarted(directory)
        #expect(gate.ready().isEmpty)
        await release([drop], gate)
        #expect(gate.ready().isEmpty && quarantined(gate).contains("\(drop)/a.tmp"))
    }

    @Test func aClockThatWasSetBackBeforeARestartKeepsNothingFromItsConsumer() async throws {
        let directory = try TemporaryDirectory("settle")
        do {
            let gate = try gate(directory)
            try await send("a", "1", gate.intake.beginSession(of: "acme"), gate)
        }
        clock.pass(.seconds(-3 * 3600))
        let gate = try restarted(directory)
        #expect(gate.ready().isEmpty)
        clock.pass(Intake.longestSettling + .seconds(1))
        // Nobody says which drop is due: it must know by itself.
        let (due, continuation) = AsyncStream.makeStream(of: [String].self)
        gate.intake.settler.start { continuation.yield($1) }
        var moments = due.makeAsyncIterator()
        #expect(await moments.next()?.count == 1)
    }

    @Test func aFileThatWasTakenBackAndNotYetRenamedInTheLedgerGoesBack() async throws {
        let directory = try TemporaryDirectory("settle")
        let drop: String
        do {
            let gate = try gate(directory)
            let session = try gate.intake.beginSession(of: "acme")
            drop = try await released("a", session, gate)
            try takeBack("a", drop, bytes: 8, session, gate)
        }
        let gate = try restarted(directory)
        #expect(gate.ready() == ["sftp/acme/a"])
        let session = try gate.intake.beginSession(of: "acme")
        #expect(try size("a", session, gate) == 8)
    }

    @Test(arguments: [true, false])
    func aChangeThatReachedTheLedgerIsCompleted(isRename: Bool) async throws {
        let directory = try TemporaryDirectory("settle")
        let drop: String
        do {
            let gate = try gate(directory)
            let session = try gate.intake.beginSession(of: "acme")
            drop = try await released("a", session, gate)
            try await changeUpToTheLedger("a", drop, bytes: 8, to: isRename ? "b" : nil, session, gate)
        }
        let gate = try restarted(directory)
        #expect(gate.ready() == (isRename ? ["sftp/acme/b"] : []))
        #expect(gate.directory.files(under: "staging/incoming").isEmpty)
        if isRename {
            #expect(try gate.intake.staging.ready.receipt(drop)?.file == "ready/sftp/acme/b")
        } else {
            #expect(quarantined(gate).contains("\(drop)/a"))
        }
        await gate.intake.close()
        #expect(try gate.intake.store.withdrawnDrops().isEmpty)
    }

    // MARK: Bounds

    @Test func anAccountHasABoundOfNamesAndBytes() async throws {
        let gate = try gate(settle: .zero) {
            $0.maxPendingNames = 2
            $0.maxPendingBytes = 1 << 20
        }
        let session = try gate.intake.beginSession(of: "acme")
        try await send("a", "1", session, gate)
        try gate.intake.makeDirectory(#require(DropPath("d")), session)
        let refusal = await #expect(throws: SenderError.self) { try await send("b", "2", session, gate) }
        #expect(
            refusal?.reason == .stagingFull && refusal?.message.contains("sftp.max_pending_names") == true)
        // What its consumer takes counts no longer.
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/ready/sftp/acme/a"))
        let drop = try await send("b", "2", session, gate)
        #expect(gate.ready() == ["sftp/acme/b"])
        // Nor an empty directory that nobody has used for a while.
        clock.pass(.seconds(599))
        await #expect(throws: SenderError.self) { try await send("c", "3", session, gate) }
        clock.pass(.seconds(2))
        try await send("c", "3", session, gate)
        #expect(try size("d", session, gate) == nil)
        #expect(gate.ready() == ["sftp/acme/b", "sftp/acme/c"])
        // What the refusal says helps.
        try await remove("c", session, gate)
        let opening = try gate.intake.open(order("b"), session)
        let full = #expect(throws: SenderError.self) {
            try gate.intake.room((1 << 20)...(1 << 20), for: opening.drop, session)
        }
        #expect(full?.kind == .full && full?.message.contains("sftp.max_pending_bytes") == true)
        #expect(opening.drop != drop)
    }

    /// One directory for each patient, for ever.
    @Test func anAccountThatOnlyMakesDirectoriesDoesNotLockItselfOut() async throws {
        let gate = try gate(settle: .zero) { $0.maxPendingNames = 4 }
        let session = try gate.intake.beginSession(of: "acme")
        func make(_ path: String) throws { try gate.intake.makeDirectory(#require(DropPath(path)), session) }
        func names() throws -> [String] { try session.box.files.directories().map { $0.path.text }.sorted() }
        for path in ["inbox", "1", "1/in", "2"] { try make(path) }
        clock.pass(.seconds(3600))
        // In use, also while there is nothing in it. This needs a name itself.
        gate.intake.discarded(try gate.intake.open(order("inbox/a.tmp"), session).drop, session)
        #expect(try names() == ["", "1", "2", "inbox"])
        for path in ["3", "4", "inbox/5"] { try make(path) }
        #expect(try names() == ["", "3", "4", "inbox", "inbox/5"] && session.box.usage.names == 4)
        let refusal = #expect(throws: SenderError.self) { try make("6") }
        #expect(refusal?.message.contains("its sender must remove files or directories") == true)
        try await gate.intake.removeDirectory(#require(DropPath("3")), session)
        try make("6")
    }

    @Test func noDirectoryIsMadeBelowTheReserve() async throws {
        let gate = try gate { $0.reserveBytes = .max }
        let session = try gate.intake.beginSession(of: "acme")
        let path = try #require(DropPath("d"))
        let refusal = #expect(throws: SenderError.self) { try gate.intake.makeDirectory(path, session) }
        #expect(refusal?.reason == .stagingFull && refusal?.message.contains("disk is full") == true)
        #expect(try size("d", session, gate) == nil)
    }

    @Test func anInterruptedUploadGivesWayWhenItsAccountNeedsTheRoom() async throws {
        let gate = try gate(settle: .zero) { $0.maxPendingBytes = 10 }
        let killed = try gate.intake.beginSession(of: "acme")
        let abandoned = try begin("abandoned", "123456789", killed, gate)
        _ = gate.intake.endSession(killed)
        let session = try gate.intake.beginSession(of: "acme")
        try await send("whole.tmp", "1", session, gate)
        #expect(try size("abandoned", session, gate) == 9, "nobody needs its room")
        try await send("fits", "23", session, gate)
        #expect(try size("abandoned", session, gate) == nil)
        #expect(gate.ready() == ["sftp/acme/fits"] && session.box.usage.bytes == 3)
        #expect(try size("whole.tmp", session, gate) == 1, "its sender was told that it is there")
        await gate.intake.close()
        let entry = try #require(try gate.entries().first { $0["drop"]?["id"]?.string == abandoned })
        #expect(entry["reason"]?.string == "incomplete" && entry["account"]?.string == "acme")
        #expect(entry["drop"]?["name"]?.string == "abandoned")
        #expect(entry["detail"]?["message"]?.string?.contains("sftp.max_pending_bytes") == true)
    }

    @Test func anInterruptedUploadStaysWhereItsRoomWouldNotBeEnough() async throws {
        let gate = try gate(settle: .zero) { $0.maxPendingBytes = 10 }
        let killed = try gate.intake.beginSession(of: "acme")
        _ = try begin("abandoned", "12", killed, gate)
        _ = gate.intake.endSession(killed)
        let session = try gate.intake.beginSession(of: "acme")
        let opening = try gate.intake.open(order("large"), session)
        #expect(throws: SenderError.self) { try gate.intake.room(20...20, for: opening.drop, session) }
        #expect(try size("abandoned", session, gate) == 2)
    }

    @Test func aSessionThatEndsWithoutAWordLeavesWhatItHadWritten() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let drop = try begin("a", "half", session, gate)
        #expect(try size("a", session, gate) == nil)
        let left = gate.intake.endSession(session)
        #expect(left.map(\.drop) == [drop] && left.map(\.bytes) == [4])
        let next = try gate.intake.beginSession(of: "acme")
        #expect(try size("a", next, gate) == 4)
        #expect(gate.ready().isEmpty)
    }

    @Test func aWholeUploadOfASessionThatDiedBeforeItAskedWaitsForItsSender() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        _ = try begin("a", "whole", session, gate, isSealed: true)
        #expect(gate.intake.endSession(session).map(\.bytes) == [5])
        let next = try gate.intake.beginSession(of: "acme")
        #expect(try size("a", next, gate) == 5)
    }

    @Test func aDirectoryOfWhatWaitsIsRenamedWithoutAPauseForEachFile() async throws {
        let gate = try gate(settle: .zero)
        let session = try gate.intake.beginSession(of: "acme")
        try gate.intake.makeDirectory(#require(DropPath("d")), session)
        for number in 0..<50 { try await send("d/\(number)", "\(number)", session, gate) }
        await gate.intake.waitUntilStaged()
        let began = ContinuousClock.now
        try await rename("d", "e", session, gate)
        // 100 ms a file is what the stager rests.
        #expect(began.duration(to: .now) < .seconds(4))
        #expect(gate.ready().count == 50 && gate.ready().allSatisfy { $0.hasPrefix("sftp/acme/e/") })
    }

    @Test func aClockThatIsSetBackKeepsNothingFromItsConsumer() async throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        let before = try await send("before", "1", session, gate)
        clock.pass(.seconds(-3 * 3600))
        let after = try await send("after", "2", session, gate)
        clock.pass(.seconds(5))
        await release([before, after], gate)
        #expect(gate.ready() == ["sftp/acme/after"])
        // How long this one has waited cannot be told; it settles anew.
        clock.pass(.seconds(5))
        await release([before], gate)
        #expect(gate.ready() == ["sftp/acme/after", "sftp/acme/before"])
    }

    @Test func sessionsTogetherGetNoMoreRoomThanTheirAccountHas() async throws {
        let most: Int64 = 4 << 20
        let gate = try gate { $0.maxPendingBytes = most }
        let sessions = try (0..<8).map { _ in try gate.intake.beginSession(of: "acme") }
        let drops = try sessions.enumerated().map { number, session in
            try gate.intake.open(order("\(number)"), session).drop
        }
        for _ in 0..<50 {
            DispatchQueue.concurrentPerform(iterations: sessions.count) { number in
                _ = try? gate.intake.room(1...(2 << 20), for: drops[number], sessions[number])
            }
            #expect(sessions[0].box.usage.bytes <= most)
            for (drop, session) in zip(drops, sessions) {
                session.box.state.withLock { $0.tree.update(drop) { $0.bytes = 0 } }
            }
        }
    }

    @Test func roomIsForWhatASessionIsWriting() throws {
        let gate = try gate()
        let session = try gate.intake.beginSession(of: "acme")
        #expect(throws: SenderError.self) {
            try gate.intake.room(1...1, for: DropID.make(milliseconds: 1), session)
        }
    }

    @Test func aNameThatAnEarlierDropIsGivenLaterIsItsOwn() async throws {
        let gate = try gate(settle: .zero)
        let session = try gate.intake.beginSession(of: "acme")
        let earlier = try await send("x", "1", session, gate)
        let later = try await send("y", "22", session, gate)
        await gate.intake.waitUntilStaged()
        // Its consumer moves the later one away and says so.
        try FileManager.default.removeItem(atPath: gate.directory.file("staging/ready/sftp/acme/y"))
        #expect(try await gate.intake.acknowledge(later))
        clock.pass(.seconds(-3600))
        try await rename("x", "y", session, gate)
        await gate.intake.waitUntilStaged()
        #expect(try gate.intake.store.newestUpload(readyPath: "sftp/acme/y")?.id == earlier)
        clock.pass(.seconds(2 * 24 * 3600))
        await Retention(gate.intake).sweep()
        #expect(gate.contents("sftp/acme/y") == "1", "nobody has acknowledged it")
        try await rename("y", "z", session, gate)
        #expect(gate.ready() == ["sftp/acme/z"])
    }
}
