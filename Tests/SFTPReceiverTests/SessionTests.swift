// The session process between a client and a daemon: bytes on disk, what the daemon is asked and told, and
// what happens when either of them goes away.
import Foundation
import SFTPWire
import Staging
import Support
import Synchronization
import TLS
import Testing

@testable import Intake
@testable import SFTPReceiver
@testable import SFTPSession

@Suite struct SessionTests {
    private let home: TemporaryDirectory
    private let data = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }

    init() throws { home = try TemporaryDirectory("session") }

    private func session() -> SessionClient {
        let client = SessionClient(socket: home.file("link"))
        let version = client.greet()
        #expect(version.prefix(5) == [2, 0, 0, 0, 3])
        return client
    }

    private func sha256(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).hex
    }

    private func ready(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: home.file("staging/ready/sftp/acme/\(name)"))))
    }

    /// Sends pieces without waiting and expects as many OKs.
    private func pipeline(_ client: SessionClient, _ handle: [UInt8], _ offsets: [Int], piece: Int) {
        var bytes: [UInt8] = []
        for offset in offsets {
            bytes += client.writePacket(handle, offset, Array(data[offset..<min(offset + piece, data.count)]))
        }
        let request = bytes
        Thread.detachNewThread { client.send(request) }
        for _ in offsets { #expect(client.receive().dropFirst(5).prefix(4).elementsEqual([0, 0, 0, 0])) }
    }

    @Test(arguments: [1000, 32_768, 100_000, 261_120])
    func anUploadArrivesWhole(_ piece: Int) async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handle = client.open("/a.bin")
        pipeline(client, handle, Array(stride(from: 0, to: data.count, by: piece)), piece: piece)
        #expect(client.close(handle).code == 0)
        #expect(client.size("/a.bin") == 3_000_000)
        #expect(client.hangUp() == 0)
        #expect(try ready("a.bin") == data)
        #expect(daemon.commits.map(\.sha256) == [sha256(data)])
        #expect(daemon.commits.map(\.path) == ["a.bin"])
        #expect(daemon.parts().allSatisfy { $0.hasSuffix(".sealed") })
        guard case .hello(let hello)? = daemon.messages.first else {
            Issue.record("no hello")
            return
        }
        #expect(hello.user == "acme" && hello.pid == getpid() && hello.connection.hasPrefix("192.0.2.1 "))
    }

    @Test func piecesOutOfOrderAndAProvisionalName() async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handle = client.open("/a.bin.0123abcd.partial")
        var random = SplitMix(seed: 11)
        let offsets = stride(from: 0, to: data.count, by: 50_000).shuffled(using: &random)
        pipeline(client, handle, offsets, piece: 50_000)
        #expect(client.close(handle).code == 0)
        #expect(daemon.ready().isEmpty)
        let names = SessionClient.string("/a.bin.0123abcd.partial") + SessionClient.string("/a.bin")
        #expect(client.status(200, SessionClient.string("posix-rename@openssh.com") + names).code == 0)
        #expect(client.hangUp() == 0)
        #expect(try ready("a.bin") == data)
        #expect(daemon.parts().allSatisfy { $0.hasSuffix(".sealed") })
    }

    @Test func anInterruptedUploadIsResumedByTheNextSession() async throws {
        let daemon = try await TestDaemon(home: home)
        let first = session()
        let handle = first.open("/a.bin")
        pipeline(first, handle, [0, 100_000, 200_000], piece: 100_000)
        #expect(first.write(handle, 400_000, Array(data[400_000..<500_000])) == 0)
        #expect(first.hangUp() == 0)
        #expect(daemon.interruptions.map(\.bytes) == [400_000])

        let second = session()
        #expect(second.size("/a.bin") == 300_000)
        let resumed = second.open("/a.bin", flags: 0x2)
        pipeline(second, resumed, Array(stride(from: 300_000, to: data.count, by: 100_000)), piece: 100_000)
        #expect(second.close(resumed).code == 0)
        #expect(second.hangUp() == 0)
        #expect(try ready("a.bin") == data)
        #expect(daemon.commits.map(\.sha256) == [sha256(data)])
    }

    @Test func aRefusedCommitKeepsTheUploadForAnotherTry() async throws {
        let daemon = try await TestDaemon(home: home)
        daemon.conduct.withLock { $0 = .refuse("the ledger cannot be written") }
        let client = session()
        let handle = client.open("/a.bin")
        #expect(client.write(handle, 0, [1, 2, 3]) == 0)
        let answer = client.close(handle)
        #expect(answer.code == 4)
        #expect(answer.text == "the ledger cannot be written")
        // Some clients overlook the failure of CLOSE and look at the size.
        #expect(client.size("/a.bin") == nil)
        daemon.conduct.withLock { $0 = .accept }
        #expect(client.close(client.open("/a.bin", flags: 0x2)).code == 0)
        #expect(client.hangUp() == 0)
        #expect(try ready("a.bin") == [1, 2, 3])
    }

    @Test func whenTheDaemonGoesAwayTheUploadIsKeptAndTheSessionEnds() async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handle = client.open("/a.bin")
        pipeline(client, handle, [0, 150_000], piece: 150_000)
        daemon.hangUp()
        let answer = client.close(handle)
        #expect(answer.code == 4)
        #expect(answer.text.contains("try again later"))
        #expect(client.exitStatus() == 0)
        let next = session()
        #expect(next.size("/a.bin") == 300_000)
        #expect(next.hangUp() == 0)
    }

    @Test func aCommitThatDidNotReachTheLedgerWaitsForItsSender() async throws {
        let daemon = try await TestDaemon(home: home)
        daemon.conduct.withLock { $0 = .hangUp }
        let client = session()
        let handle = client.open("/a.bin")
        pipeline(client, handle, [0, 150_000], piece: 150_000)
        #expect(client.close(handle).code == 4)
        #expect(client.exitStatus() == 0)
        daemon.conduct.withLock { $0 = .accept }
        let next = session()
        #expect(next.size("/a.bin") == 300_000)
        #expect(next.hangUp() == 0)
    }

    @Test func withoutADaemonRequestsFailWithText() {
        let client = session()
        let answer = client.status(17, SessionClient.string("/"))
        #expect(answer.code == 4)
        #expect(answer.text.contains("daemon"))
        #expect(client.hangUp() == 1)
    }

    @Test(arguments: ["", "scp -t .", "echo ${ShellId}%ComSpec%", "dropgate-sftp;id"])
    func whatIsNotSFTPIsTurnedAway(_ command: String) async throws {
        _ = try await TestDaemon(home: home)
        let client = SessionClient(socket: home.file("link"), command: command)
        #expect(client.exitStatus() == 1)
        #expect(client.receive().isEmpty)
    }

    @Test func refusalsReachTheDaemon() async throws {
        let daemon = try await TestDaemon(home: home, maxFile: 10)
        let client = session()
        #expect(
            client.status(3, SessionClient.string("/a") + SessionClient.word(1) + SessionClient.word(0)).code
                == 3)
        let handle = client.open("/b")
        #expect(client.write(handle, 0, [UInt8](repeating: 0, count: 11)) == 4)
        #expect(client.close(handle).code == 4)
        client.send([0xff, 0xff, 0xff, 0xff])
        #expect(client.exitStatus() == 0)
        #expect(daemon.refusals.map(\.reason) == ["forbidden_operation", "too_large", "malformed"])
        #expect(daemon.parts().allSatisfy { $0.hasSuffix(".sealed") })
    }

    /// rclone checks, times and renames over whichever of its connections is free.
    @Test func aDeliveredFileShowsToEverySessionOfTheAccountUntilSomebodyTakesIt() async throws {
        let daemon = try await TestDaemon(home: home)
        let first = session()
        let second = session()
        let handle = first.open("/a.tmp")
        #expect(first.write(handle, 0, [1, 2, 3]) == 0)
        #expect(second.size("/a.tmp") == nil)
        #expect(first.close(handle).code == 0)
        #expect(second.status(18, names("/a.tmp", "/a")).code == 0)
        #expect(first.size("/a") == 3)
        #expect(first.status(9, times("/a", 7)).code == 0)
        #expect(first.hangUp() == 0 && second.hangUp() == 0)
        #expect(try ready("a") == [1, 2, 3])
        let later = session()
        #expect(later.size("/a") == 3)
        try FileManager.default.removeItem(atPath: home.file("staging/ready/sftp/acme/a"))
        #expect(later.size("/a") == nil)
        let removal = later.status(13, SessionClient.string("/a"))
        #expect(removal.code == 2 && removal.text.contains("its consumer has taken it"))
        #expect(later.close(later.open("/b")).code == 0)
        try FileManager.default.removeItem(atPath: home.file("staging/ready/sftp/acme/b"))
        #expect(later.size("/b") == 0, "what a session has delivered it goes on seeing")
        #expect(later.status(13, SessionClient.string("/b")).code == 2)
        #expect(later.size("/b") == nil, "until it removes it")
        #expect(later.hangUp() == 0)
        #expect(daemon.parts().isEmpty)
    }

    private func names(_ from: String, _ to: String) -> [UInt8] {
        SessionClient.string(from) + SessionClient.string(to)
    }

    private func times(_ path: String, _ seconds: UInt32) -> [UInt8] {
        SessionClient.string(path) + SessionClient.word(8) + SessionClient.word(seconds)
            + SessionClient.word(seconds)
    }

    /// sshd closes the channel of a silent client and does not say so; the session knows how long it was silent.
    @Test(arguments: [1, 900])
    func aStallThatTheGateEndsIsSaidToBeEndedByTheGate(idleTimeout: Int) async throws {
        let daemon = try await TestDaemon(home: home, idleTimeout: idleTimeout)
        let client = session()
        #expect(client.write(client.open("/a"), 0, [1]) == 0)
        #expect(client.hangUp() == 0)
        let message = try #require(daemon.interruptions.first?.message)
        #expect(message.contains("the gate ended the connection") == (idleTimeout == 1))
    }

    @Test func aSizeOfRoomIsAskedForAsOftenAsItIsUsed() async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handle = client.open("/a.bin")
        pipeline(client, handle, Array(stride(from: 0, to: data.count, by: 100_000)), piece: 100_000)
        #expect(client.close(handle).code == 0)
        #expect(client.hangUp() == 0)
        let rooms = daemon.messages.compactMap { if case .room(let room) = $0 { room.bytes } else { nil } }
        #expect(rooms == [16 << 20])
    }

    @Test func manySmallFiles() async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        #expect(client.status(14, SessionClient.string("/d") + SessionClient.word(0)).code == 0)
        for index in 0..<200 {
            let handle = client.open("/d/\(index)")
            #expect(client.write(handle, 0, Array(data[..<4096])) == 0)
            #expect(client.close(handle).code == 0)
        }
        #expect(client.hangUp() == 0)
        #expect(daemon.commits.count == 200 && daemon.commits.allSatisfy(\.isInline))
        #expect(daemon.ready().count == 200)
        #expect(daemon.parts().isEmpty)
    }

    @Test(arguments: [("whole", 262_144), ("whole", 262_145), ("in pieces", 200_000), ("with a gap", 90_000)])
    func whatIsSmallGoesWithItsCommitAndWhatIsNotIsAFile(_ way: String, _ size: Int) async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handle = client.open("/a.bin")
        var offsets = Array(stride(from: 0, to: size, by: 32_768))
        if way == "in pieces" { offsets.reverse() }
        for offset in offsets {
            #expect(client.write(handle, offset, Array(data[offset..<min(size, offset + 32_768)])) == 0)
        }
        if way == "with a gap" {
            #expect(client.write(handle, size + 1000, [1]) == 0)
            #expect(client.write(handle, size, Array(data[size..<(size + 1000)])) == 0)
        }
        #expect(client.close(handle).code == 0)
        #expect(client.hangUp() == 0)
        #expect(
            try ready("a.bin") == Array(data[..<size])
                + (way == "with a gap" ? Array(data[size..<(size + 1000)]) + [1] : []))
        #expect(daemon.commits.map(\.isInline) == [size <= 262_144])
    }

    /// What lies behind a gap is never gone on with: it takes no room that counts for nobody.
    @Test func ofAnUploadWithAGapOnlyWhatLiesBeforeItIsKept() async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        for (name, start, gap) in [("/a.bin", 0, 300_000), ("/b.bin", 1, 300_000), ("/c.bin", 0, 5000)] {
            let handle = client.open(name)
            #expect(client.write(handle, start, Array(data[..<1000])) == 0)
            #expect(client.write(handle, gap, Array(data[..<1000])) == 0)
            #expect(client.close(handle).text.hasPrefix("incomplete: bytes"))
        }
        #expect(client.hangUp() == 0)
        let sizes = try daemon.parts().filter { $0.hasSuffix(".part") }.map {
            try Data(contentsOf: URL(filePath: home.file("staging/incoming/sftp/acme/parts/\($0)"))).count
        }
        #expect(sizes == [1000, 1000], "\(daemon.parts())")
        let next = session()
        #expect(next.size("/a.bin") == 1000 && next.size("/c.bin") == 1000)
        #expect(next.hangUp() == 0)
    }

    @Test func aSmallUploadThatIsInterruptedIsResumedByTheNextSession() async throws {
        let daemon = try await TestDaemon(home: home)
        let first = session()
        #expect(first.write(first.open("/a.bin"), 0, Array(data[..<1000])) == 0)
        #expect(first.hangUp() == 0)
        #expect(daemon.interruptions.map(\.bytes) == [1000])
        let second = session()
        #expect(second.size("/a.bin") == 1000)
        let resumed = second.open("/a.bin", flags: 0x2)
        #expect(second.write(resumed, 1000, Array(data[1000..<2000])) == 0)
        #expect(second.close(resumed).code == 0)
        #expect(second.hangUp() == 0)
        #expect(try ready("a.bin") == Array(data[..<2000]))
    }

    /// However many a client opens, a session's memory stays bounded, also where single bytes far out make the uploads long.
    @Test(arguments: [true, false])
    func ofManyOpenUploadsTheLastOnesAreFiles(isWritten: Bool) async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handles = (0..<6).map { client.open("/\($0)") }
        let pieces =
            isWritten
            ? Array(stride(from: 0, to: 250_000, by: 50_000)) : [200_000, 0, 50_000, 100_000, 150_000]
        for (number, piece) in pieces.enumerated() {
            for handle in handles {
                #expect(client.write(handle, piece, Array(data[piece..<(piece + 50_000)])) == 0)
            }
            // The first of those far out has taken all the room.
            let files = daemon.parts().count { $0.hasSuffix(".part") }
            if number == 0 { #expect(files == (isWritten ? 0 : 2)) }
        }
        for handle in handles { #expect(client.close(handle).code == 0) }
        #expect(client.hangUp() == 0)
        #expect(daemon.commits.count(where: \.isInline) == 4 && daemon.commits.count == 6)
        for index in 0..<6 { #expect(try ready("\(index)") == Array(data[..<250_000])) }
    }

    @Test func whereUploadsDoNotSettleEachIsAFile() async throws {
        let daemon = try await TestDaemon(home: home, mostInline: nil)
        let client = session()
        let handle = client.open("/a")
        #expect(client.write(handle, 0, [1, 2, 3]) == 0)
        #expect(client.close(handle).code == 0)
        #expect(client.close(client.open("/empty")).code == 0)
        #expect(client.hangUp() == 0)
        #expect(daemon.commits.map(\.isInline) == [false, false])
        #expect(try ready("a") == [1, 2, 3] && ready("empty").isEmpty)
    }

    @Test func whatTheClientSyncsIsAFileFromThenOn() async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handle = client.open("/a.bin")
        #expect(client.write(handle, 0, [1, 2, 3]) == 0)
        #expect(
            client.status(200, SessionClient.string("fsync@openssh.com") + handle).code
                == 0)
        #expect(daemon.home.files(under: "staging/incoming/sftp/acme/parts").count == 2)
        #expect(client.close(handle).code == 0)
        #expect(client.hangUp() == 0)
        #expect(try ready("a.bin") == [1, 2, 3] && daemon.commits.map(\.isInline) == [false])
    }

    @Test func nothingIsLeftOfASmallUploadThatNoDaemonHearsOf() async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handle = client.open("/a.bin")
        #expect(client.write(handle, 0, [1, 2, 3]) == 0)
        daemon.hangUp()
        #expect(client.close(handle).code == 4)
        #expect(client.exitStatus() == 0)
        #expect(daemon.parts().isEmpty)
    }

    /// The daemon accepted it, and the answer was lost with the daemon.
    @Test func anUploadThatWasAcceptedUnheardIsNotOfferedAgain() async throws {
        let daemon = try await TestDaemon(home: home)
        daemon.conduct.withLock { $0 = .acceptUnheard }
        let client = session()
        let handle = client.open("/a.bin")
        #expect(client.write(handle, 0, [1, 2, 3]) == 0)
        #expect(client.close(handle).code == 4)
        #expect(client.exitStatus() == 0)
        daemon.conduct.withLock { $0 = .accept }
        #expect(try ready("a.bin") == [1, 2, 3])
        let next = session()
        #expect(next.size("/a.bin") == 3, "the one that was released")
        #expect(next.hangUp() == 0)
        #expect(daemon.parts().isEmpty)
    }

    @Test func aProbeThatItsSenderRemovesIsToldAndNothingIsReleased() async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handle = client.open("/.dropgate-probe-1")
        #expect(client.write(handle, 0, [1, 2, 3]) == 0)
        #expect(client.close(handle).code == 0)
        #expect(client.status(13, SessionClient.string("/.dropgate-probe-1")).code == 0)
        #expect(client.hangUp() == 0)
        let probes = daemon.messages.compactMap { if case .probed(let told) = $0 { told } else { nil } }
        #expect(probes == [ProbeNotice(path: ".dropgate-probe-1", bytes: 3)])
        #expect(daemon.commits.isEmpty && daemon.parts().isEmpty)
    }

    @Test func anEndThatOvertakesTheAnswerOfACommitDoesNotDenyIt() async throws {
        let daemon = try await TestDaemon(home: home)
        let client = session()
        let handle = client.open("/a")
        #expect(client.write(handle, 0, [1, 2, 3]) == 0)
        daemon.conduct.withLock { $0 = .endBefore("the account is disabled") }
        #expect(client.close(handle).code == 0, "it is accepted, whatever comes afterwards")
        #expect(try ready("a") == [1, 2, 3])
        #expect(client.open("/b").isEmpty)
        #expect(client.exitStatus() == 0, "the session ends by itself")
    }
}
