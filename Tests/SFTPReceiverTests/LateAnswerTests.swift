// A session whose daemon takes its time: what its client waits for, and for how long.
import Dispatch
import Foundation
import SFTPWire
import Staging
import Support
import Synchronization
import Testing

@testable import Intake
@testable import SFTPReceiver
@testable import SFTPSession

@Suite(.timeLimit(.minutes(1))) struct LateAnswerTests {
    private let home: TemporaryDirectory
    private let data = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }

    init() throws { home = try TemporaryDirectory("late") }

    /// A session that looks each 20 ms whether its client is still there, and gives the daemon no more for what its client does not wait
    /// for.
    /// - Parameter looked: told of each look.
    private func impatientSession(looked: @escaping @Sendable () -> Void = {}) -> SessionClient {
        let patience = SessionIPCClient.Patience(look: .milliseconds(20), longest: .seconds(20))
        let client = SessionClient.linked(home.file("link"), patience: patience) {
            link, welcome, descriptor in
            let store = SessionStore(
                store: try PartialStore(incoming: welcome.incoming ?? ""), link: link,
                temporaryNames: TemporaryNames([]), mostInline: welcome.mostInline)
            var loop = SessionLoop(
                DropBox(settings: DropBox.Settings(account: "acme", maxFile: nil)), host: store,
                input: descriptor, output: descriptor, signals: -1)
            link.patience.longest = patience.look
            let isClientThere = link.isClientThere
            link.isClientThere = {
                looked()
                return isClientThere()
            }
            loop.run()
        }
        #expect(client.greet().prefix(5) == [2, 0, 0, 0, 3])
        return client
    }

    private func write(_ size: Int, _ client: SessionClient, _ handle: [UInt8]) {
        for offset in stride(from: 0, to: size, by: 100_000) {
            let piece = Array(data[offset..<min(size, offset + 100_000)])
            #expect(client.write(handle, offset, piece) == 0)
        }
    }

    /// A file whose sender hears of a failure is sent again.
    @Test func anAnswerIsWaitedForAsLongAsTheClientWaits() async throws {
        let daemon = try await TestDaemon(home: home)
        let answers = DispatchSemaphore(value: 0)
        daemon.conduct.withLock { $0 = .acceptLate(answers) }
        let looks = Atomic(0)
        let client = impatientSession {
            // It has had its time once, and once more.
            if looks.add(1, ordering: .relaxed).newValue == 2 { answers.signal() }
        }
        let handle = client.open("/a")
        #expect(client.write(handle, 0, [1, 2, 3]) == 0)
        #expect(client.close(handle).code == 0)
        #expect(client.hangUp() == 0)
        #expect(
            try Data(contentsOf: URL(filePath: home.file("staging/ready/sftp/acme/a"))) == Data([1, 2, 3]))
    }

    /// Its client gives up, and sends the file in another session: it is delivered once.
    @Test(arguments: [3, 300_000])
    func whatWaitedForItsTurnIsNotAcceptedOnceItsClientHasLeft(_ size: Int) async throws {
        let daemon = try await TestDaemon(home: home)
        let client = impatientSession()
        let handle = client.open("/a")
        write(size, client, handle)
        let lock = try daemon.scene.intake.box(of: "acme").lock
        await lock.with(.exclusive) {
            client.send(client.packet(4, handle))
            while lock.waiters == 0 { await Task.yield() }
            client.leave()
            #expect(client.exitStatus() == 0)
        }
        #expect(daemon.commits.count == 1 && daemon.ready().isEmpty)
        let next = SessionClient(socket: home.file("link"))
        #expect(next.greet().prefix(5) == [2, 0, 0, 0, 3])
        let again = next.open("/a")
        write(size, next, again)
        #expect(next.close(again).code == 0)
        #expect(next.hangUp() == 0)
        #expect(daemon.ready() == ["a"] && daemon.commits.count == 2)
    }

    /// Nobody waits for it, so a daemon that is stuck keeps no session.
    @Test func howAnUploadEndedIsToldForNoLongerThanTheDaemonHasForIt() async throws {
        let daemon = try await TestDaemon(home: home)
        let heard = DispatchSemaphore(value: 0)
        daemon.conduct.withLock { $0 = .keepEndsWaiting(heard) }
        let client = impatientSession()
        let handle = client.open("/a")
        write(300_000, client, handle)
        #expect(client.hangUp() == 0)
        heard.signal()
    }
}
