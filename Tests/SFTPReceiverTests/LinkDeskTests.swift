// What the daemon answers to sessions: who is welcomed, and what may be committed, decided anew each time.
import Admission
import Foundation
import Intake
import Ledger
import Logging
import Settings
import Staging
import Support
import Synchronization
import Testing

@testable import SFTPReceiver

/// A desk with a real Intake and one connection that this process itself serves.
private final class Desk: Sendable {
    let directory: TemporaryDirectory
    let intake: Intake
    let store: AccountStore
    let connection: SFTPConnection
    let table = ConnectionTable(maximum: 4, maximumPerSource: 4)
    let desk: LinkDesk
    let account: Account
    /// The other end of the connection.
    private let client: ConnectedSocket

    init() async throws {
        directory = try TemporaryDirectory("desk")
        var configuration = Intake.Configuration(
            node: "t", ledgerPath: directory.file("ledger.sqlite"), stagingPath: directory.file("staging"))
        configuration.reserveBytes = 1
        configuration.reserveInodes = 1
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        intake = try Intake.open(configuration, policy: Self.policy("127.0.0.0/8"), logger: logger)
        store = AccountStore(directory: directory.file("accounts"))
        account = try Account(name: "acme", keys: [AuthorizedKey(AuthorizedKeyTests.ed25519)])
        try store.add(account)
        let (near, far) = try Self.connected()
        client = far
        let addresses = try #require(near.addresses)
        let resolution = try AddressResolver(mode: .direct, trustedProxies: []).resolve(peer: near.peer)
        connection = SFTPConnection(
            socket: near, addresses: addresses, resolution: resolution,
            decision: intake.admit(resolution, channel: .sftp), source: addresses.peer)
        #expect(table.enter() && table.add(connection, source: addresses.peer.ip))
        desk = LinkDesk(
            intake: intake, table: table,
            book: AccountBook(store: store, handOver: { _ in }, report: { _ in }),
            terms: LinkTerms(maxFile: 9, reserveBytes: 1, reserveInodes: 1, provisional: ["*.tmp"]),
            logger: logger)
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
        return (ConnectedSocket(accept(listener.descriptor, nil, nil)), ConnectedSocket(descriptor))
    }

    func login(_ credential: Credential? = nil) async {
        let key = Credential.key(fingerprint: account.keys[0].fingerprint)
        await connection.loggedIn(Login(account: account, credential: credential ?? key))
    }

    var hello: LinkHello {
        let (peer, local) = (connection.addresses.peer, connection.addresses.local)
        return LinkHello(
            connection: "\(peer.ip) \(peer.port ?? 0) \(local.ip) \(local.port ?? 0)", user: "acme",
            pid: getpid(),
            version: Link.version, authentication: nil)
    }

    var peer: LinkPeer { LinkPeer(process: getpid(), user: getuid()) }

    func session() async throws -> LinkSession {
        await login()
        return try #require(await desk.welcome(hello, from: peer).0)
    }

    /// Puts bytes where a session leaves a whole upload.
    func upload(_ path: String, _ text: String) throws -> LinkCommit {
        let id = DropID.make(milliseconds: 1)
        let parts = directory.file("staging/incoming/sftp/acme/parts")
        try FileManager.default.createDirectory(atPath: parts, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: "\(parts)/\(id).part"))
        return LinkCommit(
            id: 7, drop: id, partial: id + ".part", path: path, bytes: Int64(text.utf8.count),
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
            dropID: id, account: account, partial: id + ".part", path: name, bytes: Int64(name.utf8.count),
            sha256: String(repeating: "0a", count: 32), modified: nil)
        return try await intake.commit(upload, attempt: attempt).id
    }

    func entries(_ kind: String) throws -> [JSONValue] {
        var query = LedgerQuery()
        query.limit = 10_000
        return try LedgerReader(path: directory.file("ledger.sqlite")).entries(query)
            .map { try $0.value() }.filter { $0["kind"]?.string == kind }
    }

    func transfers() async throws -> [String] {
        await intake.close()
        return try LedgerReader(path: directory.file("ledger.sqlite")).entries(LedgerQuery())
            .map { try $0.value() }.filter { $0["kind"]?.string == "transfer" }
            .map { entry in
                ["verdict", "reason", "account"].compactMap { entry[$0]?.string }.joined(separator: " ")
            }
    }
}

@Suite struct LinkDeskTests {
    @Test("A session of the connection's own sshd is welcomed with the account that logged in")
    func welcome() async throws {
        let desk = try await Desk()
        await desk.login()
        let (session, answer) = await desk.desk.welcome(desk.hello, from: desk.peer)
        #expect(session != nil && answer.ok)
        #expect(answer.account == "acme" && answer.maxFile == 9 && answer.provisional == ["*.tmp"])
        #expect(answer.incoming == desk.directory.file("staging/incoming/sftp/acme"))
    }

    @Test("A hello waits for the login to be in the ledger")
    func waitsForLogin() async throws {
        let desk = try await Desk()
        async let welcomed = desk.desk.welcome(desk.hello, from: desk.peer)
        await desk.login()
        #expect(await welcomed.1.ok)
    }

    @Test("A connection that ends without a login welcomes nobody")
    func endsWithoutLogin() async throws {
        let desk = try await Desk()
        async let welcomed = desk.desk.welcome(desk.hello, from: desk.peer)
        await desk.connection.ended()
        #expect(await !welcomed.1.ok)
    }

    @Test("Whoever is not that session is refused", arguments: 0..<7)
    func refusals(index: Int) async throws {
        let desk = try await Desk()
        var hello = desk.hello
        var peer = desk.peer
        switch index {
        case 0: hello.version = 99
        case 1: peer.user += 1
        case 2: hello.pid += 1
        case 3: hello.connection = "127.0.0.1 1 127.0.0.1 2"
        case 4: hello.user = "other"
        case 5: await desk.connection.started(getpid() + 1)
        default: try desk.store.setDisabled(true, name: "acme")
        }
        await desk.login()
        let (session, answer) = await desk.desk.welcome(hello, from: peer)
        #expect(session == nil && !answer.ok && answer.message?.isEmpty == false)
    }

    @Test("A commit is stored, and the same bytes under the same name are a duplicate")
    func commits() async throws {
        let desk = try await Desk()
        let session = try await desk.session()
        let first = try await desk.desk.commit(desk.upload("d/a.xml", "hello"), session)
        #expect(first.ok && first.id == 7 && first.status == .stored && first.name == "d/a.xml")
        let second = try await desk.desk.commit(desk.upload("d/a.xml", "hello"), session)
        #expect(second.ok && second.status == .duplicate)
        #expect(try await desk.transfers().count == 2)
    }

    @Test("A source that is no longer listed commits nothing; the partial stays")
    func withdrawnSource() async throws {
        let desk = try await Desk()
        let session = try await desk.session()
        desk.intake.use(try Desk.policy("203.0.113.0/24"))
        let commit = try desk.upload("a.xml", "hello")
        let answer = try await desk.desk.commit(commit, session)
        #expect(!answer.ok && answer.code == "not_listed")
        let partial = desk.directory.file("staging/incoming/sftp/acme/parts/\(commit.partial)")
        #expect(FileManager.default.fileExists(atPath: partial))
        #expect(try await desk.transfers() == ["rejected not_listed acme"])
    }

    @Test("An account that was disabled or removed, or lost its key, commits nothing", arguments: 0..<3)
    func withdrawnAccount(index: Int) async throws {
        let desk = try await Desk()
        let session = try await desk.session()
        switch index {
        case 0: try desk.store.setDisabled(true, name: "acme")
        case 1: try desk.store.remove(name: "acme")
        default:
            try desk.store.replace(Account(name: "acme", keys: [AuthorizedKey(AuthorizedKeyTests.rsa2048)]))
        }
        let answer = try await desk.desk.commit(desk.upload("a.xml", "hello"), session)
        let code = ["account_disabled", "unknown_account", "auth_failed"][index]
        #expect(!answer.ok && answer.code == code)
        #expect(try await desk.transfers() == ["rejected \(code) acme"])
    }

    @Test("A commit of what no session of ours sends ends the session", arguments: 0..<5)
    func badCommits(index: Int) async throws {
        let desk = try await Desk()
        let session = try await desk.session()
        var commit = try desk.upload("a.xml", "hello")
        switch index {
        case 0: commit.drop = "../../etc"
        case 1: commit.partial = "../other/parts/" + commit.partial
        case 2: commit.bytes = -1
        case 3: commit.sha256 = "ABC"
        default: commit.path = ""
        }
        await #expect(throws: LinkDesk.BadMessage.self) { try await desk.desk.commit(commit, session) }
        #expect(desk.directory.files(under: "staging/ready").isEmpty)
    }

    @Test(
        "Paths that leave the account's directory are refused",
        arguments: ["../b.xml", "/b.xml", "a/../../b", "a//b"])
    func badPaths(path: String) async throws {
        let desk = try await Desk()
        let session = try await desk.session()
        let answer = try await desk.desk.commit(desk.upload(path, "hello"), session)
        #expect(!answer.ok && answer.code == "bad_path")
        #expect(desk.directory.files(under: "staging/ready").isEmpty)
    }

    @Test("What a session refuses or leaves unfinished is written down; other reasons are not its to give")
    func sessionReports() async throws {
        let desk = try await Desk()
        let session = try await desk.session()
        try desk.desk.refused(
            LinkRefused(reason: "forbidden_operation", operation: "SYMLINK", path: "/x\n", message: "no"),
            session)
        try desk.desk.incomplete(
            LinkIncomplete(drop: DropID.make(milliseconds: 1), path: "a.xml", bytes: 3, message: "cut"),
            session)
        #expect(throws: LinkDesk.BadMessage.self) {
            try desk.desk.refused(
                LinkRefused(reason: "listed", operation: "", path: "", message: ""), session)
        }
        #expect(
            try await desk.transfers().sorted() == [
                "rejected forbidden_operation acme", "rejected incomplete acme",
            ])
    }

    @Test("A probe is written down as one; a file of another name is none")
    func probes() async throws {
        let desk = try await Desk()
        let session = try await desk.session()
        try desk.desk.probed(LinkProbed(path: "in/.dropgate-probe-1", bytes: 16), session)
        #expect(throws: LinkDesk.BadMessage.self) {
            try desk.desk.probed(LinkProbed(path: "a.xml", bytes: 16), session)
        }
        await desk.intake.close()
        let entries = try desk.entries("probe")
        #expect(entries.count == 1 && entries.first?["reason"] == "listed")
        #expect(entries.first?["detail"]?["bytes"] == 16 && entries.first?["account"] == "acme")
    }

    // MARK: Collectors

    private func collector(
        _ desk: Desk, accounts: [String] = ["vsee"], webhooks: Bool = false
    ) async throws -> LinkSession {
        let account = try Account(
            name: "acme", keys: desk.account.keys,
            collects: CollectScope(accounts: accounts, webhooks: webhooks))
        try desk.store.replace(account)
        await desk.connection.loggedIn(
            Login(account: account, credential: .key(fingerprint: account.keys[0].fingerprint)))
        let (session, welcome) = await desk.desk.welcome(desk.hello, from: desk.peer)
        #expect(welcome.incoming == nil && welcome.staging == desk.directory.file("staging"))
        return try #require(session)
    }

    @Test("A collector gets every released drop of its scope, in pages, and nothing else")
    func collectorPages() async throws {
        let desk = try await Desk()
        var expected: [String] = []
        for number in 0..<450 {
            let account = number % 3 == 0 ? "other" : "vsee"
            let drop = try await desk.release("f\(number).xml", of: account)
            if account == "vsee" { expected.append(drop) }
        }
        await desk.intake.waitUntilStaged()
        var session = try await collector(desk)
        var found: [LinkPage.Drop] = []
        var question = LinkCollect()
        repeat {
            let page = try await desk.desk.collect(question, &session)
            #expect(page.ok && page.drops.count <= 200)
            found += page.drops
            question.before = page.next
        } while question.before != nil
        #expect(found.map(\.id) == expected.reversed())
        #expect(found.allSatisfy { $0.path.hasPrefix("sftp/vsee/f") })
        await desk.intake.close()
        let reads = try desk.entries("access")
        #expect(reads.count == 1 && reads.first?["reason"] == "read" && reads.first?["account"] == "acme")
    }

    @Test("A collector acknowledges once, and only what it may read")
    func collectorAcknowledges() async throws {
        let desk = try await Desk()
        let mine = try await desk.release("a.xml", of: "vsee")
        let other = try await desk.release("a.xml", of: "other")
        await desk.intake.waitUntilStaged()
        var session = try await collector(desk)
        for drop in [other, DropID.make(milliseconds: 9), "../x"] {
            let answer = try await desk.desk.collect(LinkCollect(drop: drop, acknowledges: true), &session)
            #expect(answer == LinkPage(ok: true))
        }
        _ = try await desk.desk.collect(LinkCollect(drop: other, opens: true), &session)
        #expect(try await !desk.desk.collect(LinkCollect(drop: mine, opens: true), &session).drops.isEmpty)
        let opened = try #require(try desk.entries("access").last?["detail"])
        #expect(opened["drop"]?.string == mine && opened["file"] == "sftp/vsee/a.xml")
        #expect(opened["acknowledged"] == nil, "committed before the answer")
        let question = LinkCollect(drop: mine, acknowledges: true)
        #expect(try await desk.desk.collect(question, &session).drops.map(\.id) == [mine])
        #expect(try await desk.desk.collect(question, &session).drops.isEmpty)
        #expect(try desk.intake.store.drop(id: mine)?.state == .acknowledged)
        #expect(try desk.intake.store.drop(id: other)?.state == .released)
        await desk.intake.close()
        #expect(try desk.entries("access").compactMap { $0["detail"]?["drop"]?.string } == [mine, mine])
    }

    @Test(
        "A collector that was disabled, became a sender or is no longer listed reads nothing",
        arguments: 0..<3)
    func withdrawnCollector(index: Int) async throws {
        let desk = try await Desk()
        _ = try await desk.release("a.xml", of: "vsee")
        await desk.intake.waitUntilStaged()
        var session = try await collector(desk)
        switch index {
        case 0: try desk.store.setDisabled(true, name: "acme")
        case 1: try desk.store.replace(desk.account)
        default: desk.intake.use(try Desk.policy("203.0.113.0/24"))
        }
        let answer = try await desk.desk.collect(LinkCollect(), &session)
        #expect(!answer.ok && answer.drops.isEmpty && answer.message?.isEmpty == false)
    }

    @Test("A collector commits nothing, and a sender asks for nothing")
    func rolesDoNotMix() async throws {
        let desk = try await Desk()
        let session = try await collector(desk)
        await #expect(throws: LinkDesk.BadMessage.self) {
            try await desk.desk.commit(desk.upload("a.xml", "hello"), session)
        }
        let other = try await Desk()
        var sender = try await other.session()
        await #expect(throws: LinkDesk.BadMessage.self) {
            try await other.desk.collect(LinkCollect(), &sender)
        }
    }
}
