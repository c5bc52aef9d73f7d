// Both neighbours of a session process: a client that speaks SFTP over a socket pair, and a daemon with a real Intake
// that answers on the link, but for the questions of whose process the session is. The session itself runs on a
// thread of the test's.
import Dispatch
import Foundation
import Glibc
import Intake
import LocalSocket
import Staging
import Support
import Synchronization

@testable import SFTPReceiver
@testable import SFTPSession

/// A daemon that remembers what it was told and answers as it is set up to.
final class TestDaemon: Sendable {
    enum Conduct: Sendable {
        case accept
        case refuse(String)
        /// A commit is carried out, and its session hears nothing of it.
        case acceptUnheard
        /// Accepts, and answers a commit only once this was signalled.
        case acceptLate(DispatchSemaphore)
        /// Says nothing to how an upload ended before this was signalled.
        case keepEndsWaiting(DispatchSemaphore)
        /// Closes the link instead of answering a commit.
        case hangUp
        /// Accepts, and ends the session while it is asked.
        case endBefore(String)
    }

    let home: TemporaryDirectory
    let scene: SessionScene
    let conduct = Mutex(Conduct.accept)
    private let listener: Int32
    private let heard = Mutex<[SessionMessage]>([])
    private let links = Mutex<[Int32]>([])
    private let maxFile: Int64?
    private let mostInline: Int64?
    private let idleTimeout: Int?
    private let sessions = DispatchGroup()

    init(
        home: TemporaryDirectory, maxFile: Int64? = nil, idleTimeout: Int? = nil,
        mostInline: Int64? = SessionIPC.mostInline,
        change: (inout Intake.Configuration) -> Void = { _ in }
    ) async throws {
        self.home = home
        self.maxFile = maxFile
        self.mostInline = mostInline
        self.idleTimeout = idleTimeout
        scene = try await SessionScene(home, change: change)
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        unlink(home.file("link"))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: home.file("link").utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(listener, 4) == 0 else { throw POSIXError(.EADDRINUSE) }
        let descriptor = listener
        Thread.detachNewThread { [weak self] in
            while case let link = accept(descriptor, nil, nil), link >= 0 {
                guard let self else { return }
                links.withLock { $0.append(link) }
                sessions.enter()
                Thread.detachNewThread {
                    self.serve(link)
                    self.sessions.leave()
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// Everything that the sessions so far have said; they must have ended.
    var messages: [SessionMessage] {
        _ = sessions.wait(timeout: .now() + 20)
        return heard.withLock { $0 }
    }
    var commits: [UploadCommit] {
        messages.compactMap { if case .commit(let commit) = $0 { commit } else { nil } }
    }
    var refusals: [SessionRefusal] {
        messages.compactMap { if case .refused(let told) = $0 { told } else { nil } }
    }
    var interruptions: [UploadEnded] {
        messages.compactMap { message in
            if case .ended(let ended) = message, ended.outcome == .interrupted { ended } else { nil }
        }
    }

    /// Drops every session.
    func hangUp() {
        links.withLock { links in
            for link in links { shutdown(link, Int32(SHUT_RDWR)) }
        }
    }

    /// What the sessions' account has in `ready/`.
    func ready() -> [String] { home.files(under: "staging/ready/sftp/acme") }
    /// What is left of uploads that were not accepted.
    func parts() -> [String] { home.files(under: "staging/incoming/sftp/acme/parts") }

    private func serve(_ link: Int32) {
        var session: WelcomedSession?
        defer {
            session.map(scene.handler.ended)
            close(link)
        }
        var buffer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while case let count = read(link, &piece, piece.count), count > 0 {
            buffer += piece[..<count]
            while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                guard let message = try? SessionMessage(line: Array(buffer[..<end])) else { return }
                buffer.removeSubrange(...end)
                var content: [UInt8]?
                if case .commit(let commit) = message, commit.isInline {
                    while buffer.count < Int(commit.bytes) {
                        guard case let count = read(link, &piece, piece.count), count > 0 else { return }
                        buffer += piece[..<count]
                    }
                    content = Array(buffer.prefix(Int(commit.bytes)))
                    buffer.removeFirst(Int(commit.bytes))
                }
                heard.withLock { $0.append(message) }
                guard let answer = answer(message, content, &session, link) else { continue }
                if case .commit = message, case .endBefore(let text) = conduct.withLock({ $0 }) {
                    let line = DaemonMessage.end(SessionEnding(message: text)).line
                    _ = write(link, line, line.count)
                }
                let line = answer.line
                guard write(link, line, line.count) == line.count else { return }
            }
        }
    }

    /// Drops that a collector may read, newest first: two a page.
    let drops = Mutex<[CollectPage.Drop]>([])
    let isCollector = Mutex(false)
    /// What is said of drops that are asked for one by one.
    let standings = Mutex<[String: String]>([:])
    /// Why a collector may not read any more.
    let withdrawal = Mutex<String?>(nil)

    private func page(_ question: CollectQuestion) -> CollectPage {
        if let why = withdrawal.withLock(\.self) { return CollectPage(ok: false, message: why) }
        if let id = question.drop, question.asksStanding {
            return CollectPage(ok: true, standing: standings.withLock { $0[id] })
        }
        return drops.withLock { drops in
            guard let id = question.drop else {
                let from = Int(question.before ?? 0)
                let page = drops.dropFirst(from).prefix(2)
                return CollectPage(
                    ok: true, drops: Array(page), next: from + 2 < drops.count ? Int64(from + 2) : nil)
            }
            let found = drops.filter { $0.id == id }
            if question.acknowledges { drops.removeAll { $0.id == id } }
            return CollectPage(ok: true, drops: found)
        }
    }

    private func answer(
        _ message: SessionMessage, _ content: [UInt8]?, _ session: inout WelcomedSession?, _ link: Int32
    ) -> DaemonMessage? {
        switch message {
        case .refused, .probed: return nil
        case .collect(let question): return .page(page(question))
        case .hello where isCollector.withLock { $0 }:
            return .welcome(.collector("acme", staging: home.file("staging")))
        case .hello:
            let begun = waiting { try await self.scene.unaskedSession { Self.isOpen(link) } }
            guard let begun else { return nil }
            session = begun
            return .welcome(
                SessionWelcome(
                    ok: true, account: "acme", incoming: begun.sender?.box.files.path, maxFile: maxFile,
                    mostInline: mostInline,
                    provisional: scene.intake.temporaryNames.patterns, idleTimeout: idleTimeout))
        case .commit(let commit):
            switch conduct.withLock({ $0 }) {
            case .hangUp:
                hangUp()
                return nil
            case .refuse(let text):
                return .commit(
                    UploadCommitAnswer(id: commit.id, ok: false, code: "ledger_failed", message: text))
            case .acceptUnheard:
                guard let session else { return nil }
                _ = waiting { try await self.scene.handler.answer(message, content, session) }
                hangUp()
                return nil
            case .acceptLate(let answers): answers.wait()
            case .accept, .endBefore, .keepEndsWaiting: break
            }
        case .ended:
            if case .keepEndsWaiting(let heard) = conduct.withLock({ $0 }) { heard.wait() }
        case .names, .change, .open, .room: break
        }
        guard let session else { return nil }
        return waiting { try await self.scene.handler.answer(message, content, session) }
    }

    private static func isOpen(_ link: Int32) -> Bool {
        var watched = pollfd(fd: link, events: 0, revents: 0)
        return poll(&watched, 1, 0) == 0
    }

    /// On a thread of the test's own.
    private func waiting<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) -> Result? {
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<Result?>(nil)
        Task {
            let value = try? await body()
            result.withLock { $0 = value }
            done.signal()
        }
        done.wait()
        return result.withLock { $0 }
    }
}

/// A session on a thread, and its client.
final class SessionClient: Sendable {
    private let descriptor: Int32
    private let finished = DispatchSemaphore(value: 0)
    private let status = Mutex<Int32?>(nil)
    private let lastID = Mutex<UInt32>(0)

    convenience init(socket: String, command: String = "dropgate-sftp") {
        let environment = SessionEnvironment(
            command: command, connection: "192.0.2.1 40000 192.0.2.2 22", user: "acme")
        self.init(serve: { runSession(socket: socket, environment: environment, input: $0, output: $0) })
    }

    /// - Parameter serve: serves a session on a descriptor, and returns its exit status.
    init(serve: @escaping @Sendable (Int32) -> Int32) {
        var pair: [Int32] = [0, 0]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair)
        descriptor = pair[0]
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let end = pair[1]
        Thread.detachNewThread { [self] in
            let result = serve(end)
            Glibc.close(end)
            status.withLock { $0 = result }
            finished.signal()
        }
    }

    /// A client of a session whose link to the daemon is the test's own, and has been welcomed.
    /// - Parameter serve: serves it on a descriptor.
    static func linked(
        _ socket: String, patience: SessionIPCClient.Patience = .init(),
        _ serve: @escaping @Sendable (SessionIPCClient, SessionWelcome, Int32) throws -> Void
    ) -> SessionClient {
        signal(SIGPIPE, SIG_IGN)
        return SessionClient(serve: { descriptor in
            do {
                let link = try SessionIPCClient(socket: socket, patience: patience)
                let welcome = try link.hello(
                    SessionHello(
                        connection: "192.0.2.1 40000 192.0.2.2 22", user: "acme", pid: getpid(),
                        version: SessionIPC.version, authentication: nil))
                try serve(link, welcome, descriptor)
                return 0
            } catch {
                return 1
            }
        })
    }

    deinit { Glibc.close(descriptor) }

    /// Ends the input and waits for the session's exit status.
    func hangUp() -> Int32? {
        shutdown(descriptor, Int32(SHUT_WR))
        return exitStatus()
    }

    /// Goes away without a word.
    func leave() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Waits until the session has ended by itself.
    func exitStatus() -> Int32? {
        _ = finished.wait(timeout: .now() + 20)
        return status.withLock { $0 }
    }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// The next packet without its length; empty at the end.
    func receive() -> [UInt8] {
        let length = bytes(4).reduce(0) { $0 << 8 | Int($1) }
        return bytes(length)
    }

    private func bytes(_ count: Int) -> [UInt8] {
        var found = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let read = found.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress! + filled, count - filled, 0)
            }
            guard read > 0 else { return [] }
            filled += read
        }
        return found
    }

    // MARK: SFTP

    static func word(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
    }
    static func long(_ value: UInt64) -> [UInt8] {
        word(UInt32(value >> 32)) + word(UInt32(truncatingIfNeeded: value))
    }
    static func string(_ value: [UInt8]) -> [UInt8] { word(UInt32(value.count)) + value }
    static func string(_ value: String) -> [UInt8] { string(Array(value.utf8)) }

    func packet(_ type: UInt8, _ fields: [UInt8]) -> [UInt8] {
        let id = lastID.withLock { last in
            last += 1
            return last
        }
        let body = [type] + Self.word(id) + fields
        return Self.word(UInt32(body.count)) + body
    }

    func greet() -> [UInt8] {
        send(Self.word(5) + [1] + Self.word(3))
        return receive()
    }

    /// A reply without its id.
    func ask(_ type: UInt8, _ fields: [UInt8]) -> (type: UInt8, fields: [UInt8]) {
        send(packet(type, fields))
        let reply = receive()
        return (reply.first ?? 0, Array(reply.dropFirst(5)))
    }

    /// Code and text of a status; code 99 for any other reply.
    func status(_ type: UInt8, _ fields: [UInt8]) -> (code: UInt32, text: String) {
        let reply = ask(type, fields)
        guard reply.type == 101, reply.fields.count >= 8 else { return (99, "") }
        let length = reply.fields[4..<8].reduce(0) { $0 << 8 | Int($1) }
        return (
            reply.fields[..<4].reduce(0) { $0 << 8 | UInt32($1) },
            String(decoding: reply.fields.dropFirst(8).prefix(length), as: UTF8.self)
        )
    }

    /// OPEN for writing; the handle as a field.
    func open(_ path: String, flags: UInt32 = 0x1a) -> [UInt8] {
        let reply = ask(3, Self.string(path) + Self.word(flags) + Self.word(0))
        return reply.type == 102 ? reply.fields : []
    }

    func writePacket(_ handle: [UInt8], _ offset: Int, _ data: [UInt8]) -> [UInt8] {
        packet(6, handle + Self.long(UInt64(offset)) + Self.string(data))
    }

    func write(_ handle: [UInt8], _ offset: Int, _ data: [UInt8]) -> UInt32 {
        status(6, handle + Self.long(UInt64(offset)) + Self.string(data)).code
    }

    func close(_ handle: [UInt8]) -> (code: UInt32, text: String) { status(4, handle) }

    /// The size of STAT; nil when there is no such file.
    func size(_ path: String) -> UInt64? {
        let reply = ask(17, Self.string(path))
        guard reply.type == 105, reply.fields.count >= 12 else { return nil }
        return reply.fields[4..<12].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
