// A commit whose bytes follow its line, as they come over the daemon's socket: whole, too many, and not all of them.
import Blocking
import Dispatch
import Glibc
import JSON
import Ledger
import LocalServer
import LocalSocket
import SFTPSession
import Support
import Testing

@testable import Intake
@testable import SFTPReceiver

@Suite(.timeLimit(.minutes(1))) struct InlineCommitTests {
    /// Runs `body` with a session's end of the link, welcomed, and an upload that it has opened; returns when the daemon's end has
    /// done with it.
    @discardableResult
    private func withSession(
        settle: Duration = .seconds(60),
        _ body:
            @escaping @Sendable (SessionScene, LineConnection, SessionWelcome, UploadOpened) throws -> Void
    ) async throws -> SessionScene {
        let scene = try await SessionScene { $0.settle = settle }
        await scene.login()
        let path = scene.directory.file("link")
        let server = SessionIPCServer(
            socket: try KeptSocket(path, "the link", logger: quietLogger, report: { _, _ in false }),
            handler: scene.handler,
            executor: BlockingExecutor(label: "test", width: 2),
            logger: quietLogger)
        let hello = scene.hello
        let serving = Task { await server.run() }
        try await BlockingExecutor(label: "client", width: 1).run {
            let link = try LineConnection(
                path: path, longest: SessionIPC.maxLine, answerTimeout: .seconds(20),
                sendTimeout: .seconds(20))
            guard case .welcome(let welcome) = try Self.ask(.hello(hello), link),
                case .opened(let opened) = try Self.ask(.open(Self.opening), link)
            else {
                Issue.record("no welcome, or no upload")
                return
            }
            try body(scene, link, welcome, opened)
        }
        server.stop()
        await serving.value
        return scene
    }

    private static let opening = UploadOpening(
        path: "a.hl7", exclusive: false, mustExist: false, fresh: true, appends: false, modified: nil)

    private static func ask(_ message: SessionMessage, _ link: LineConnection, _ content: String = "") throws
        -> DaemonMessage
    {
        try link.send(message.line + Array(content.utf8))
        return try DaemonMessage(line: link.receive())
    }

    private static func commit(_ drop: String, bytes: Int64) -> SessionMessage {
        .commit(
            UploadCommit(
                id: 1, drop: drop, path: "a.hl7", bytes: bytes, sha256: String(repeating: "0a", count: 32),
                modified: nil,
                isInline: true))
    }

    @Test func itsBytesAreThoseThatFollowAndTheNextLineIsTheNextMessage() async throws {
        try await withSession { scene, link, welcome, opened in
            #expect(welcome.mostInline == SessionIPC.mostInline)
            let text = "one\nended\t1\n"
            guard
                case .commit(let answer) = try Self.ask(
                    Self.commit(opened.drop, bytes: Int64(text.utf8.count)), link, text),
                case .names(let names) = try Self.ask(.names(NameQuestion(about: .name, path: "a.hl7")), link)
            else {
                Issue.record("something else was answered")
                return
            }
            #expect(answer.ok && names.entries.map(\.bytes) == [Int64(text.utf8.count)])
            let drop = try #require(try scene.intake.drop(id: opened.drop))
            #expect(try scene.intake.ledger.reader().body(seq: drop.seq) == Array(text.utf8))
        }
    }

    @Test func moreThanGoWithACommitEndTheSessionBeforeTheyAreRead() async throws {
        let scene = try await withSession { _, link, _, opened in
            #expect(throws: LocalSocketError.self) {
                _ = try Self.ask(Self.commit(opened.drop, bytes: SessionIPC.mostInline + 1), link)
            }
        }
        let accepted = try scene.entries("transfer").filter { $0["verdict"] == "accepted" }
        #expect(accepted.isEmpty)
    }

    @Test func ofACommitWhoseBytesDoNotAllComeNothingIsAccepted() async throws {
        let scene = try await withSession { _, link, _, opened in
            try link.send(Self.commit(opened.drop, bytes: 10).line + Array("patient".utf8))
            link.close()
        }
        let accepted = try scene.entries("transfer").filter { $0["verdict"] == "accepted" }
        #expect(accepted.isEmpty)
    }

    @Test func aCommitWhoseSessionHasGoneBeforeItsTurnIsNotCarriedOut() async throws {
        let scene = try await withSession { scene, link, _, opened in
            let lock = try scene.intake.box(of: "acme").lock
            let (door, opening) = AsyncStream<Void>.makeStream()
            let isLocked = DispatchSemaphore(value: 0)
            Task {
                await lock.with(.exclusive) {
                    isLocked.signal()
                    for await _ in door {}
                }
            }
            isLocked.wait()
            try link.send(Self.commit(opened.drop, bytes: 7).line + Array("patient".utf8))
            while lock.waiters == 0 { sched_yield() }
            link.close()
            opening.finish()
        }
        await scene.intake.close()
        let transfers = try scene.entries("transfer")
        #expect(transfers.allSatisfy { $0["verdict"] == "rejected" })
        let told = transfers.compactMap { $0["detail"]?["message"]?.string }
        #expect(told.contains { $0.contains("its session ended before its turn came") }, "\(told)")
    }

    @Test func whereUploadsDoNotSettleNoneIsWanted() async throws {
        try await withSession(settle: .zero) { _, _, welcome, _ in #expect(welcome.mostInline == nil) }
    }

    /// Sessions of earlier releases spoke JSON.
    @Test func whoSpeaksAnotherLanguageIsNotWelcomedAndTheOperatorIsTold() async throws {
        try await withSession { scene, _, _, _ in
            let stranger = try LineConnection(
                path: scene.directory.file("link"), longest: SessionIPC.maxLine, answerTimeout: .seconds(20),
                sendTimeout: .seconds(20))
            try stranger.send(Array("{\"type\":\"hello\",\"version\":4}\n".utf8))
            guard case .welcome(let welcome) = try DaemonMessage(line: stranger.receive()) else {
                Issue.record("no answer to a hello")
                return
            }
            #expect(!welcome.ok)
            #expect(scene.intake.health.problems["sftp.session"]?.contains("restart the gate") == true)
            #expect(throws: LocalSocketError.self) { try stranger.receive() }
        }
    }
}
