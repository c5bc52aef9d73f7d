// What a drop box takes, what it refuses, and what its sender sees afterwards.
import SFTPWire
import Testing

@Suite struct DropBoxRulesTests {
    @Test func nothingIsReadBack() {
        let client = Conversation()
        #expect(client.put("/a", sample(10)).code == .ok)
        for flags in [OpenFlags.read, [], [.read, .append], [.read, .create], [.create, .truncate]] {
            #expect(client.open("/a", flags).code == .permissionDenied)
        }
        let handle = client.opened("/b", [.read, .write, .create])
        #expect(client.ask(.read, Fields().string(handle).uint64(0).uint32(10)).code == .permissionDenied)
        #expect(client.reports.allSatisfy { $0.reason == .forbiddenOperation })
        #expect(client.reports.count == 6)
        #expect(client.reports.first?.operation == "OPEN")
        #expect(client.reports.first?.path == "/a")
    }

    @Test func appendingWithoutWritingIsRefusedInItsOwnWords() {
        let client = Conversation()
        let reply = client.open("/a", .append)
        #expect(reply.code == .failure && reply.message.contains("APPEND without WRITE"))
        #expect(client.reports.map(\.reason) == [.badPath])
    }

    @Test func linksAreRefused() {
        let client = Conversation()
        #expect(client.paths(.symlink, "/etc/passwd", "a").code == .permissionDenied)
        #expect(client.path(.readlink, "a").code == .permissionDenied)
        let hardlink = Fields().string("hardlink@openssh.com").string("a").string("b")
        #expect(client.ask(.extended, hardlink).code == .permissionDenied)
        #expect(client.reports.map(\.operation) == ["SYMLINK", "READLINK", "hardlink@openssh.com"])
    }

    @Test func aHoleIsNotReleasedAndIsNamed() {
        let client = Conversation()
        let handle = client.opened("/a", [.write, .create, .truncate])
        #expect(client.write(handle, 0, sample(100)).code == .ok)
        #expect(client.write(handle, 150, sample(50)).code == .ok)
        let reply = client.close(handle)
        #expect(reply.code == .failure)
        #expect(reply.message == "incomplete: bytes 100-149 are missing")
        #expect(client.store.releases.isEmpty)
        #expect(client.size("/a") == 100)
    }

    @Test func aLengthIsNoData() {
        let client = Conversation()
        let handle = client.opened("/a", [.write, .create, .truncate])
        #expect(client.fsetstat(handle, size: 200).code == .ok)
        #expect(client.write(handle, 0, sample(100)).code == .ok)
        #expect(client.close(handle).message == "incomplete: bytes 100-199 are missing")
        let again = client.opened("/b", [.write, .create, .truncate])
        #expect(client.fsetstat(again, size: 200).code == .ok)
        #expect(client.write(again, 0, sample(200)).code == .ok)
        #expect(client.close(again).code == .ok)
    }

    @Test func emptyFilesAreReleased() {
        let client = Conversation()
        #expect(client.put("/a", []).code == .ok)
        #expect(client.put("/b", [], [.write, .create]).code == .ok)
        #expect(client.store.releases.map(\.path) == ["a", "b"])
    }

    @Test func openingAReleasedFileAndDoingNothingReleasesNothing() {
        let client = Conversation()
        #expect(client.put("/a", sample(10)).code == .ok)
        #expect(client.put("/a", [], [.write, .create]).code == .ok)
        #expect(client.store.releases.count == 1)
        #expect(client.size("/a") == 10)
    }

    @Test func aSecondUploadIsANewVersion() {
        let client = Conversation()
        #expect(client.put("/a", sample(10)).code == .ok)
        #expect(client.put("/a", sample(20)).code == .ok)
        #expect(client.store.releases.map(\.bytes.count) == [10, 20])
        #expect(client.size("/a") == 20)
    }

    @Test(arguments: [UInt64(1), 10, 11])
    func continuingADeliveredFileIsRefusedInWords(_ offset: UInt64) {
        let client = Conversation()
        #expect(client.put("/a", sample(10)).code == .ok)
        let handle = client.opened("/a", [.write])
        let reply = client.write(handle, offset, sample(5))
        #expect(reply.code == .failure && reply.message.contains("send the whole file again"))
        #expect(client.close(handle).message == reply.message)
        #expect(client.reports.map(\.reason) == [.forbiddenOperation])
        #expect(client.reports.map(\.path) == ["/a"])
        #expect(client.store.releases.map(\.bytes) == [sample(10)])
        #expect(client.size("/a") == 10 && client.store.open.isEmpty)
    }

    @Test func appendingToADeliveredFileIsRefusedAtOnce() {
        let client = Conversation()
        #expect(client.put("/a", sample(10)).code == .ok)
        #expect(client.open("/a", [.write, .create, .append]).code == .permissionDenied)
        let fresh = client.opened("/a", [.write, .create, .append, .truncate])
        #expect(client.write(fresh, 0, sample(5)).code == .ok)
        #expect(client.close(fresh).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [sample(10), sample(5)])
    }

    /// paramiko's put overlooks the failure of CLOSE and compares the size that STAT gives; sshj looks by STAT before it sends,
    /// and sends only over what is there or absent.
    @Test func anUploadThatWasNotTakenIsAbsentAndCanBeSentAgain() {
        let client = Conversation()
        client.store.failure = (
            { if case .finish = $0 { true } else { false } }, StoreError(.other, "the account is disabled")
        )
        #expect(client.put("/a", sample(10)).code == .failure)
        for type in [PacketType.stat, .lstat] {
            let reply = client.path(type, "/a")
            #expect(reply.code == .noSuchFile && reply.message.contains("the account is disabled"))
        }
        client.store.failure = nil
        #expect(client.put("/a", sample(10)).code == .ok)
        #expect(client.size("/a") == 10)
        #expect(client.store.releases.map(\.bytes) == [sample(10)])
    }

    @Test func exclusiveMeansNew() {
        let client = Conversation()
        #expect(client.put("/a", sample(10)).code == .ok)
        #expect(client.open("/a", [.write, .create, .exclusive]).code == .failure)
        client.store.partials["b"] = .init(bytes: sample(5), known: 5)
        #expect(client.open("/b", [.write, .create, .exclusive]).code == .failure)
        #expect(client.open("/c", [.write]).code == .noSuchFile)
        #expect(client.open("/d/e", [.write, .create]).code == .noSuchFile)
    }

    @Test func oneFileHasOneWriterInASession() {
        let client = Conversation()
        let first = client.opened("/a", [.write, .create, .truncate])
        #expect(client.open("/a", [.write, .create]).code == .failure)
        let second = client.opened("/a", [.write, .create, .truncate])
        #expect(client.write(first, 0, sample(5)).code == .ok)
        #expect(client.write(second, 0, sample(6)).code == .ok)
        #expect(client.size("/a") == 6, "the one that was opened last shows")
        #expect(client.close(first).code == .ok)
        #expect(client.close(second).code == .ok)
        #expect(client.store.releases.map(\.bytes.count) == [5, 6])
    }

    @Test func handlesAreNotMistakenForOneAnother() {
        let client = Conversation()
        let first = client.opened("/a", [.write, .create, .truncate])
        #expect(client.close(first).code == .ok)
        let second = client.opened("/b", [.write, .create, .truncate])
        #expect(first != second)
        #expect(client.write(first, 0, sample(5)).code == .failure)
        #expect(client.close(first).code == .failure)
        #expect(client.ask(.readdir, Fields().string(second)).code == .failure)
        for bad in [[], [0], sample(8), sample(300)] { #expect(client.close(bad).code == .failure) }
        #expect(client.close(second).code == .ok)
    }

    @Test func handlesAreLimited() {
        let client = Conversation()
        let handles = (0..<128).map { client.opened("/\($0)", [.write, .create]) }
        #expect(client.open("/x", [.write, .create]).code == .failure)
        #expect(client.path(.opendir, "/").code == .failure)
        #expect(client.reports.map(\.reason) == [.connectionLimit, .connectionLimit])
        #expect(client.reports.map(\.operation) == ["OPEN", "OPENDIR"])
        #expect(client.close(handles[5]).code == .ok)
        _ = client.opened("/x", [.write, .create])
    }

    @Test func tooLargeIsRefusedReportedAndDropped() {
        let client = Conversation(maxFile: 100)
        let handle = client.opened("/a", [.write, .create, .truncate])
        #expect(client.write(handle, 0, sample(100)).code == .ok)
        #expect(client.write(handle, 100, [1]).code == .failure)
        #expect(client.write(handle, 0, [1]).code == .failure)
        #expect(client.box.closing == .whenIdle)
        #expect(client.close(handle).code == .failure)
        #expect(client.box.closing == .no)
        #expect(client.reports.map(\.reason) == [.tooLarge])
        #expect(client.store.open.isEmpty && client.store.partials.isEmpty && client.store.releases.isEmpty)
        #expect(client.open("/b", [.write, .create], size: 101).code == .failure)
        let small = client.opened("/c", [.write, .create])
        #expect(client.fsetstat(small, size: .max).code == .failure)
        #expect(client.write(small, .max, [1]).code == .failure)
    }

    @Test func aFailedWriteIsNeverReleased() {
        let client = Conversation()
        let handle = client.opened("/a", [.write, .create, .truncate])
        #expect(client.write(handle, 0, sample(10)).code == .ok)
        client.store.failure = (
            { if case .write = $0 { true } else { false } }, StoreError(.full, "disk full")
        )
        #expect(client.write(handle, 10, sample(10)).message == "disk full")
        #expect(client.box.closing == .soon)
        client.store.failure = nil
        #expect(client.write(handle, 10, sample(10)).code == .failure)
        #expect(client.close(handle).code == .failure)
        #expect(client.store.releases.isEmpty)
        #expect(client.size("/a") == 10)
    }

    @Test func aFailedCommitIsToldAndTheUploadKept() {
        let client = Conversation()
        client.store.failure = (
            { if case .finish = $0 { true } else { false } }, StoreError(.other, "the ledger is full")
        )
        #expect(client.put("/a", sample(10)).message == "the ledger is full")
        client.store.failure = nil
        #expect(client.store.partials["a"]?.bytes == sample(10))
        #expect(client.put("/a", [], [.write]).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [sample(10)])
    }

    @Test func withoutADaemonEverythingFailsWithText() {
        let client = Conversation()
        let handle = client.opened("/a", [.write, .create, .truncate])
        client.box.refuseAll("no daemon")
        #expect(client.write(handle, 0, sample(10)).message == "no daemon")
        #expect(client.close(handle).message == "no daemon")
        #expect(client.path(.stat, "/").message == "no daemon")
        // OpenSSH 10 asks for them first, and says nothing of why they were refused.
        #expect(
            client.ask(.extended, Fields().string("limits@openssh.com"))
                == .limits([262_144, 261_120, 261_120, 128]))
        #expect(client.box.closing == .soon)
        client.hangUp()
        #expect(client.store.open.isEmpty)
    }

    @Test func theSenderRenamesAndRemovesWhatNobodyHasTaken() {
        let client = Conversation()
        #expect(client.put("/a", sample(10)).code == .ok)
        #expect(client.setstat("/a", modified: 1_600_000_000).code == .ok)
        #expect(client.setstat("/a", size: 10).code == .ok)
        #expect(client.setstat("/a", size: 5).code == .permissionDenied)
        #expect(client.list("/").last?.long == "-rw-------   1 acme     acme               10 Sep 13  2020 a")
        #expect(client.paths(.rename, "/a", "/b").code == .ok)
        #expect(client.size("/a") == nil)
        #expect(client.size("/b") == 10)
        #expect(client.put("/c", sample(3)).code == .ok)
        #expect(client.paths(.rename, "/b", "/c").code == .failure)
        #expect(client.posixRename("/b", "/c").code == .ok)
        #expect(client.size("/c") == 10)
        #expect(client.path(.remove, "/c").code == .ok)
        #expect(client.path(.remove, "/c").code == .noSuchFile)
        #expect(client.store.releases.isEmpty)
    }

    @Test(arguments: [PacketType.rename, .remove])
    func whatTheStoreSaysOfADeliveredFileIsToldAsItIs(_ type: PacketType) {
        let client = Conversation()
        #expect(client.put("/a", sample(10)).code == .ok)
        client.store.failure = (
            {
                switch $0 {
                case .rename, .remove: true
                default: false
                }
            }, StoreError(.denied, "/a: its consumer has taken it")
        )
        let reply = type == .rename ? client.paths(.rename, "/a", "/b") : client.path(.remove, "/a")
        #expect(reply == .status(.permissionDenied, "/a: its consumer has taken it"))
        #expect(client.size("/a") == 10 && client.size("/b") == nil)
    }

    @Test func renameRespectsWhatIsThereAndPosixRenameReplaces() {
        let client = Conversation()
        #expect(client.put("/a.tmp", sample(10)).code == .ok)
        #expect(client.put("/a", sample(5)).code == .ok)
        #expect(client.path(.mkdir, "/d").code == .ok)
        #expect(client.paths(.rename, "/a.tmp", "/a").code == .failure)
        #expect(client.paths(.rename, "/a.tmp", "/d").code == .failure)
        #expect(client.paths(.rename, "/none", "/x").code == .noSuchFile)
        #expect(client.paths(.rename, "/a.tmp", "/").code == .failure)
        #expect(client.paths(.rename, "/d", "/d/e").code == .failure)
        #expect(client.paths(.rename, "/a.tmp", "/b.part").code == .ok)
        #expect(client.posixRename("/b.part", "/a").code == .ok)
        #expect(client.store.releases.map(\.bytes.count) == [10])
        #expect(client.size("/a") == 10)
    }

    @Test func anInterruptedUploadIsNotReleasedByRenaming() {
        let client = Conversation()
        client.store.partials["a.tmp"] = .init(bytes: sample(10), known: 10)
        #expect(client.paths(.rename, "/a.tmp", "/a").code == .failure)
        #expect(client.store.releases.isEmpty)
    }

    @Test func anOpenUploadMayBeRenamedAndRemoved() {
        let client = Conversation()
        let handle = client.opened("/a.tmp", [.write, .create, .truncate])
        #expect(client.write(handle, 0, sample(10)).code == .ok)
        #expect(client.paths(.rename, "/a.tmp", "/a").code == .ok)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.path) == ["a"])
        let other = client.opened("/b", [.write, .create, .truncate])
        #expect(client.path(.remove, "/b").code == .ok)
        #expect(client.write(other, 0, sample(10)).code == .failure)
        #expect(client.close(other).code == .ok)
        #expect(client.store.releases.count == 1)
    }

    @Test func directoriesHoldTogether() {
        let client = Conversation()
        #expect(client.path(.mkdir, "/d").code == .ok)
        #expect(client.put("/d/a", sample(10)).code == .ok)
        #expect(client.path(.rmdir, "/d").code == .failure)
        #expect(client.paths(.rename, "/d", "/e").code == .ok)
        #expect(client.size("/e/a") == 10)
        #expect(client.path(.remove, "/e/a").code == .ok)
        #expect(client.path(.rmdir, "/e").code == .ok)
        #expect(client.path(.rmdir, "/").code == .permissionDenied)
        #expect(client.path(.mkdir, "/x/y").code == .noSuchFile)
        #expect(client.put("/f", []).code == .ok)
        #expect(client.path(.mkdir, "/f").code == .failure)
        #expect(client.path(.opendir, "/f").code == .failure)
    }

    @Test func appendGoesToTheEndWhateverTheOffset() {
        let client = Conversation()
        let handle = client.opened("/a", [.write, .create, .append])
        let first = client.writePacket(handle, 0, sample(10), id: 1)
        #expect(client.feed(first + client.writePacket(handle, 0, sample(10, seed: 5), id: 2)).count == 2)
        #expect(client.close(handle).code == .ok)
        #expect(client.store.releases.map(\.bytes) == [sample(10) + sample(10, seed: 5)])
    }

    @Test func neighbouringWritesBecomeOne() {
        let client = Conversation()
        let handle = client.opened("/a", [.write, .create, .truncate])
        let bytes = (0..<10).flatMap {
            client.writePacket(handle, UInt64($0 * 100), sample(100), id: UInt32($0))
        }
        #expect(client.feed(bytes).map(\.id) == (0..<10).map(UInt32.init))
        #expect(client.store.requests.filter { if case .write = $0 { true } else { false } }.count == 1)
    }

    @Test func whatCameBeforeDamageIsWritten() {
        let client = Conversation()
        let handle = client.opened("/a", [.write, .create, .truncate])
        _ = client.feed(client.writePacket(handle, 0, sample(100)) + [0, 0, 0, 0])
        #expect(client.hasEnded)
        #expect(client.store.open[0]?.partial.bytes.count == 100)
        client.hangUp()
        #expect(client.store.partials["a"]?.known == 100)
    }

    @Test func aLostConnectionLeavesWhatHasArrived() {
        let client = Conversation()
        let handle = client.opened("/a", [.write, .create, .truncate])
        #expect(client.write(handle, 0, sample(100)).code == .ok)
        #expect(client.write(handle, 200, sample(100)).code == .ok)
        client.hangUp()
        #expect(client.store.partials["a"]?.known == 100)
        let second = Conversation()
        second.store = client.store
        let resumed = second.opened("/a", [.write])
        #expect(second.write(resumed, 100, sample(50, seed: 100)).code == .ok)
        #expect(second.close(resumed).code == .ok)
        #expect(second.store.releases.map(\.bytes.count) == [150])
    }

    @Test func aCloseAfterARemovalThatFailedIsNoDelivery() {
        let client = Conversation()
        let handle = client.opened("/a", [.write, .create, .truncate])
        #expect(client.write(handle, 0, sample(10)).code == .ok)
        client.store.failure = (
            { if case .remove = $0 { true } else { false } },
            StoreError(.other, "the ledger cannot be written")
        )
        #expect(client.path(.remove, "/a").code == .failure)
        client.store.failure = nil
        // The store has discarded its bytes before it asked.
        #expect(client.close(handle).code == .failure)
        #expect(client.store.releases.isEmpty)
    }
}
