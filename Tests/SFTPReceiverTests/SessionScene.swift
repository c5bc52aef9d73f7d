// What the daemon's side of a session needs: a real Intake, accounts, and one connection that this process itself serves.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import LocalServer
import Settings
import Sockets
import Staging
import Support
import Synchronization
import Testing

@testable import Accounts
@testable import SFTPReceiver
@testable import SFTPSession

/// A session handler with a real Intake and one connection that this process itself serves.
final class SessionScene: Sendable {
    let directory: TemporaryDirectory
    let intake: Intake
    let store: AccountStore
    let connection: SFTPConnection
    let table = ConnectionTable(maximum: 4, maximumPerSource: 4)
    let handler: SessionIPCHandler
    let account: Account
    /// The other end of the connection.
    private let client: ConnectedSocket

    init(
        _ directory: TemporaryDirectory? = nil, maxFile: Int64 = 9,
        change: (inout Intake.Configuration) -> Void = { _ in }
    ) async throws {
        let directory = try directory ?? TemporaryDirectory("session")
        self.directory = directory
        var configuration = Intake.Configuration(
            node: "t", ledger: LedgerHandle(file: directory.file("ledger.sqlite")),
            stagingPath: directory.file("staging"))
        configuration.reserveBytes = 1
        configuration.reserveInodes = 1
        configuration.temporaryNames = TemporaryNames(["*.tmp", "*.partial", ".dropgate-probe-*"])
        change(&configuration)
        intake = try Intake.open(configuration, policy: Self.policy("127.0.0.0/8"), logger: quietLogger)
        store = AccountStore(directory: directory.file("accounts"))
        account = try Account(name: "acme", keys: [AuthorizedKey(SampleKeys.ed25519)])
        try? store.add(account)
        let (near, far) = try Self.connected()
        client = far
        let addresses = try #require(near.addresses)
        let resolution = try AddressResolver(mode: .direct, trustedProxies: []).resolve(peer: near.peer)
        connection = SFTPConnection(
            socket: near, addresses: addresses, resolution: resolution,
            decision: intake.admit(resolution, channel: .sftp), source: addresses.peer)
        #expect(table.add(connection, source: addresses.peer.ip))
        handler = SessionIPCHandler(
            intake: intake, table: table,
            book: AccountCache(store: store, handOver: { _ in }, report: { _ in }),
            terms: SessionTerms(
                maxFile: maxFile, provisional: intake.temporaryNames.patterns, idleTimeout: 900),
            logger: quietLogger)
        await connection.started(getpid())
    }

    static func policy(_ block: String) throws -> Policy {
        try Policy(entries: [TestGate.entry(block)].compactMap { $0 })
    }

    /// A TCP connection over the loopback.
    private static func connected() throws -> (ConnectedSocket, ConnectedSocket) {
        let loopback = try IPAddress("127.0.0.1")
        let listener = try AcceptingSocket.tcp(.init(ip: loopback, port: 0))
        let port = try #require(SocketAddress.local(listener.descriptor)?.port)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(
            SocketAddress.withSocketAddress(loopback, port: port) { connect(descriptor, $0, $1) } == 0)
        let accepted = accept(listener.descriptor, nil, nil)
        return (
            ConnectedSocket(accepted, peer: SocketAddress.peer(accepted)),
            ConnectedSocket(descriptor, peer: SocketAddress.peer(descriptor))
        )
    }

    func login(_ credential: Credential? = nil) async {
        let key = Credential.key(fingerprint: account.keys[0].fingerprint)
        await connection.loggedIn(Login(account: account, credential: credential ?? key))
    }

    var hello: SessionHello {
        let (peer, local) = (connection.addresses.peer, connection.addresses.local)
        return SessionHello(
            connection: "\(peer.ip) \(peer.port ?? 0) \(local.ip) \(local.port ?? 0)", user: "acme",
            pid: getpid(),
            version: SessionIPC.version, authentication: nil)
    }

    var peer: LocalPeer { LocalPeer(process: getpid(), user: getuid()) }

    /// By the gate, of a session that would hear an answer: this process's own, unless the test says whose.
    func welcome(
        _ hello: SessionHello? = nil, from peer: LocalPeer? = nil
    ) async -> (WelcomedSession?, SessionWelcome) {
        await handler.welcome(hello ?? self.hello, from: peer ?? self.peer) { true }
    }

    func session() async throws -> WelcomedSession {
        await login()
        return try #require(await welcome().0)
    }

    /// A session without the questions of who is at the other end of the link.
    func unaskedSession(
        isHeard: @escaping @Sendable () -> Bool = { true }
    ) async throws -> WelcomedSession {
        await login()
        let key = Credential.key(fingerprint: account.keys[0].fingerprint)
        return WelcomedSession(
            connection: connection, login: Login(account: account, credential: key),
            sender: try intake.beginSession(of: account.name, isHeard: isHeard))
    }

    func commit(
        _ commit: UploadCommit, _ session: WelcomedSession, content: [UInt8]? = nil
    ) async throws -> UploadCommitAnswer {
        guard case .commit(let answer) = try await handler.answer(.commit(commit), content, session) else {
            throw SessionIPCHandler.BadMessage(description: "a commit was answered by something else")
        }
        return answer
    }

    /// Puts bytes where a session leaves a whole upload.
    func upload(_ path: String, _ text: String) throws -> UploadCommit {
        let id = DropID.make(milliseconds: 1)
        let parts = directory.file("staging/incoming/sftp/acme/parts")
        try FileManager.default.createDirectory(atPath: parts, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: "\(parts)/\(id).part"))
        return UploadCommit(
            id: 7, drop: id, path: path, bytes: Int64(text.utf8.count),
            sha256: String(repeating: "0a", count: 32), modified: nil)
    }

    /// A released drop of an account.
    func release(_ name: String, of account: String) async throws -> String {
        let id = DropID.make(milliseconds: 1)
        let parts = directory.file("staging/incoming/sftp/\(account)/parts")
        try FileManager.default.createDirectory(atPath: parts, withIntermediateDirectories: true)
        try Data(name.utf8).write(to: URL(filePath: "\(parts)/\(id).part"))
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed)
        attempt.account = account
        let upload = FinishedUpload(
            dropID: id, account: account, path: name, bytes: Int64(name.utf8.count),
            sha256: String(repeating: "0a", count: 32), modified: nil)
        return try await intake.commit(upload, attempt: attempt).id
    }

    func entries(_ kind: String) throws -> [JSONValue] {
        var query = LedgerQuery()
        query.limit = 10_000
        return try LedgerHandle(file: directory.file("ledger.sqlite")).reader().entries(query)
            .map { try $0.value() }.filter { $0["kind"]?.string == kind }
    }

    func transfers() async throws -> [String] {
        await intake.close()
        return try LedgerHandle(file: directory.file("ledger.sqlite")).reader().entries(LedgerQuery())
            .map { try $0.value() }.filter { $0["kind"]?.string == "transfer" }
            .map { entry in
                ["verdict", "reason", "account"].compactMap { entry[$0]?.string }.joined(separator: " ")
            }
    }
}
