// What the daemon answers to sessions: who is welcomed, and what may be committed, decided anew each time.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import LocalServer
import Settings
import Staging
import Support
import Testing

@testable import Accounts
@testable import SFTPReceiver
@testable import SFTPSession

@Suite struct SessionIPCTests {
    @Test("A session of the connection's own sshd is welcomed with the account that logged in")
    func welcome() async throws {
        let scene = try await SessionScene()
        await scene.login()
        let (session, answer) = await scene.welcome()
        #expect(session != nil && answer.ok)
        #expect(answer.account == "acme" && answer.maxFile == 9 && answer.provisional?.first == "*.tmp")
        #expect(answer.incoming == scene.directory.file("staging/incoming/sftp/acme"))
    }

    @Test("A session of another release is a problem of the gate's health until one of its own release comes")
    func staleSession() async throws {
        let scene = try await SessionScene()
        await scene.login()
        var hello = scene.hello
        hello.version += 1
        // Whoever is not the gate's user has no say.
        let stranger = LocalPeer(process: scene.peer.process, user: scene.peer.user + 1)
        #expect(await scene.welcome(hello, from: stranger).0 == nil)
        #expect(scene.intake.health.problems["sftp.session"] == nil)
        let (session, answer) = await scene.welcome(hello)
        #expect(session == nil && answer.message == "the gate is being updated; try again in a minute")
        #expect(scene.intake.health.problems["sftp.session"]?.contains("restart the gate") == true)
        hello.version = SessionHello.unknownVersion
        #expect(await scene.welcome(hello).0 == nil)
        #expect(scene.intake.health.problems["sftp.session"]?.contains("no version that the daemon") == true)
        #expect(await scene.welcome().0 != nil)
        #expect(scene.intake.health.problems["sftp.session"] == nil)
    }

    @Test(
        "A session that could store nothing is told so, with one entry, whether or not the daemon has its account's directories open",
        arguments: [false, true])
    func obstructed(isOpen: Bool) async throws {
        let scene = try await SessionScene()
        await scene.login()
        let place = scene.directory.file("staging/incoming/sftp/acme")
        let away = scene.directory.file("away")
        if isOpen {
            #expect(await scene.welcome().1.ok)
            try FileManager.default.moveItem(atPath: place, toPath: away)
        }
        try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: away)
        let (session, answer) = await scene.welcome()
        #expect(session == nil && answer.message == "the gate cannot store anything now; try again later")
        let problem = scene.intake.health.problems["staging"] ?? ""
        #expect(problem.hasPrefix("nothing of what acme sends can be stored: \(place) is a symbolic link"))
        try FileManager.default.removeItem(atPath: place)
        if isOpen { try FileManager.default.moveItem(atPath: away, toPath: place) }
        #expect(await scene.welcome().1.ok)
        #expect(scene.intake.health.problems["staging"] == nil)
        #expect(try await scene.transfers() == ["rejected staging_full acme"])
    }

    @Test("A hello waits for the login to be in the ledger")
    func waitsForLogin() async throws {
        let scene = try await SessionScene()
        async let welcomed = scene.welcome()
        await scene.login()
        #expect(await welcomed.1.ok)
    }

    @Test("A connection that ends without a login welcomes nobody")
    func endsWithoutLogin() async throws {
        let scene = try await SessionScene()
        async let welcomed = scene.welcome()
        await scene.connection.ended()
        #expect(await !welcomed.1.ok)
    }

    @Test("Whoever is not that session is refused", arguments: 0..<7)
    func refusals(index: Int) async throws {
        let scene = try await SessionScene()
        var hello = scene.hello
        var peer = scene.peer
        switch index {
        case 0: hello.version = 99
        case 1: peer.user += 1
        case 2: hello.pid += 1
        case 3: hello.connection = "127.0.0.1 1 127.0.0.1 2"
        case 4: hello.user = "other"
        case 5: await scene.connection.started(getpid() + 1)
        default: try scene.store.setDisabled(true, name: "acme")
        }
        await scene.login()
        let (session, answer) = await scene.welcome(hello, from: peer)
        #expect(session == nil && !answer.ok && answer.message?.isEmpty == false)
    }

    @Test("A commit is stored, and the same bytes under the same name are a duplicate")
    func commits() async throws {
        let scene = try await SessionScene()
        let session = try await scene.session()
        let first = try await scene.commit(scene.upload("d/a.xml", "hello"), session)
        #expect(first.ok && first.id == 7 && first.status == .stored && first.name == "d/a.xml")
        let second = try await scene.commit(scene.upload("d/a.xml", "hello"), session)
        #expect(second.ok && second.status == .duplicate)
        #expect(try await scene.transfers().count == 2)
    }

    @Test("A source that is no longer listed commits nothing; the partial stays")
    func withdrawnSource() async throws {
        let scene = try await SessionScene()
        let session = try await scene.session()
        try scene.intake.use(SessionScene.policy("203.0.113.0/24"))
        let commit = try scene.upload("a.xml", "hello")
        let answer = try await scene.commit(commit, session)
        #expect(!answer.ok && answer.code == "not_listed")
        let partial = scene.directory.file("staging/incoming/sftp/acme/parts/\(commit.drop).part")
        #expect(FileManager.default.fileExists(atPath: partial))
        #expect(try await scene.transfers() == ["rejected not_listed acme"])
    }

    @Test("An account that was disabled or removed, or lost its key, commits nothing", arguments: 0..<3)
    func withdrawnAccount(index: Int) async throws {
        let scene = try await SessionScene()
        let session = try await scene.session()
        switch index {
        case 0: try scene.store.setDisabled(true, name: "acme")
        case 1: try scene.store.remove(name: "acme")
        default:
            try scene.store.replace(Account(name: "acme", keys: [AuthorizedKey(SampleKeys.rsa2048)]))
        }
        let answer = try await scene.commit(scene.upload("a.xml", "hello"), session)
        let code = ["account_disabled", "unknown_account", "auth_failed"][index]
        #expect(!answer.ok && answer.code == code)
        #expect(try await scene.transfers() == ["rejected \(code) acme"])
    }

    @Test("A commit of what no session of ours sends ends the session", arguments: 0..<4)
    func badCommits(index: Int) async throws {
        let scene = try await SessionScene()
        let session = try await scene.session()
        var commit = try scene.upload("a.xml", "hello")
        switch index {
        case 0: commit.drop = "../../etc"
        case 1: commit.bytes = -1
        case 2: commit.sha256 = "ABC"
        default: commit.path = ""
        }
        await #expect(throws: SessionIPCHandler.BadMessage.self) { try await scene.commit(commit, session) }
        #expect(scene.directory.files(under: "staging/ready").isEmpty)
    }

    @Test(
        "Paths that leave the account's directory are refused",
        arguments: ["../b.xml", "/b.xml", "a/../../b", "a//b"])
    func badPaths(path: String) async throws {
        let scene = try await SessionScene()
        let session = try await scene.session()
        let answer = try await scene.commit(scene.upload(path, "hello"), session)
        #expect(!answer.ok && answer.code == "bad_path")
        #expect(scene.directory.files(under: "staging/ready").isEmpty)
    }

    @Test("What a session refuses or leaves unfinished is written down; other reasons are not its to give")
    func sessionReports() async throws {
        let scene = try await SessionScene()
        let session = try await scene.session()
        try scene.handler.refused(
            SessionRefusal(reason: "forbidden_operation", operation: "SYMLINK", path: "/x\n", message: "no"),
            session)
        let ended = UploadEnded(
            drop: DropID.make(milliseconds: 1), path: "a.xml", outcome: .interrupted, bytes: 3, prefix: 3,
            message: "cut")
        #expect(try await scene.handler.answer(.ended(ended), nil, session) == .done(ChangeAnswer()))
        #expect(throws: SessionIPCHandler.BadMessage.self) {
            try scene.handler.refused(
                SessionRefusal(reason: "listed", operation: "", path: "", message: ""), session)
        }
        #expect(
            try await scene.transfers().sorted() == [
                "rejected forbidden_operation acme", "rejected incomplete acme",
            ])
    }

    @Test("A probe is written down as one; a file of another name is none")
    func probes() async throws {
        let scene = try await SessionScene()
        let session = try await scene.session()
        try scene.handler.probed(ProbeNotice(path: "in/.dropgate-probe-1", bytes: 16), session)
        #expect(throws: SessionIPCHandler.BadMessage.self) {
            try scene.handler.probed(ProbeNotice(path: "a.xml", bytes: 16), session)
        }
        await scene.intake.close()
        let entries = try scene.entries("probe")
        #expect(entries.count == 1 && entries.first?["reason"] == "listed")
        #expect(entries.first?["detail"]?["bytes"] == 16 && entries.first?["account"] == "acme")
    }

    // MARK: Collectors

    private func collector(
        _ scene: SessionScene, accounts: [String] = ["vsee"], webhooks: Bool = false
    ) async throws -> WelcomedSession {
        let account = try Account(
            name: "acme", keys: scene.account.keys,
            collects: CollectScope(accounts: accounts, webhooks: webhooks))
        try scene.store.replace(account)
        await scene.connection.loggedIn(
            Login(account: account, credential: .key(fingerprint: account.keys[0].fingerprint)))
        let (session, welcome) = await scene.welcome()
        #expect(welcome.incoming == nil && welcome.staging == scene.directory.file("staging"))
        return try #require(session)
    }

    @Test("A collector gets every released drop of its scope, in pages, and nothing else")
    func collectorPages() async throws {
        let scene = try await SessionScene()
        var expected: [String] = []
        for number in 0..<450 {
            let account = number % 3 == 0 ? "other" : "vsee"
            let drop = try await scene.release("f\(number).xml", of: account)
            if account == "vsee" { expected.append(drop) }
        }
        await scene.intake.waitUntilStaged()
        let session = try await collector(scene)
        var found: [CollectPage.Drop] = []
        var question = CollectQuestion()
        repeat {
            let page = try await scene.handler.collect(question, session)
            #expect(page.ok && page.drops.count <= 200)
            found += page.drops
            question.before = page.next
        } while question.before != nil
        #expect(found.map(\.id) == expected.reversed())
        #expect(found.allSatisfy { $0.path.hasPrefix("sftp/vsee/f") })
        await scene.intake.close()
        let reads = try scene.entries("access")
        #expect(reads.count == 1 && reads.first?["reason"] == "read" && reads.first?["account"] == "acme")
    }

    @Test("A collector acknowledges once, and only what it may read")
    func collectorAcknowledges() async throws {
        let scene = try await SessionScene()
        let mine = try await scene.release("a.xml", of: "vsee")
        let other = try await scene.release("a.xml", of: "other")
        await scene.intake.waitUntilStaged()
        let session = try await collector(scene)
        for drop in [other, DropID.make(milliseconds: 9), "../x"] {
            let answer = try await scene.handler.collect(
                CollectQuestion(drop: drop, acknowledges: true), session)
            #expect(answer == CollectPage(ok: true))
        }
        _ = try await scene.handler.collect(CollectQuestion(drop: other, opens: true), session)
        #expect(
            try await !scene.handler.collect(CollectQuestion(drop: mine, opens: true), session).drops.isEmpty)
        let opened = try #require(try scene.entries("access").last?["detail"])
        #expect(opened["drop"]?.string == mine && opened["file"] == "sftp/vsee/a.xml")
        #expect(opened["acknowledged"] == nil, "committed before the answer")
        let question = CollectQuestion(drop: mine, acknowledges: true)
        #expect(try await scene.handler.collect(question, session).drops.map(\.id) == [mine])
        #expect(try await scene.handler.collect(question, session).drops.isEmpty)
        #expect(try scene.intake.drop(id: mine)?.state == .acknowledged)
        #expect(try scene.intake.drop(id: other)?.state == .released)
        await scene.intake.close()
        #expect(try scene.entries("access").compactMap { $0["detail"]?["drop"]?.string } == [mine, mine])
    }

    @Test("What a consumer has moved away is not acknowledged for a collector, until it is put back")
    func collectorDoesNotAcknowledgeWhatIsTaken() async throws {
        let scene = try await SessionScene()
        let drop = try await scene.release("a.xml", of: "vsee")
        await scene.intake.waitUntilStaged()
        let session = try await collector(scene)
        let file = scene.directory.file("staging/ready/sftp/vsee/a.xml")
        let away = scene.directory.file("away")
        try FileManager.default.moveItem(atPath: file, toPath: away)
        let question = CollectQuestion(drop: drop, acknowledges: true)
        #expect(try await scene.handler.collect(question, session) == CollectPage(ok: true))
        // No sweep has come by yet.
        #expect(try scene.intake.drop(id: drop)?.state == .released)
        try FileManager.default.moveItem(atPath: away, toPath: file)
        #expect(try await scene.handler.collect(question, session).drops.map(\.id) == [drop])
        #expect(try scene.intake.drop(id: drop)?.state == .acknowledged)
        await scene.intake.close()
        let told = try scene.entries("access").compactMap { $0["detail"]?["drop"]?.string }
        #expect(told == [drop], "what was not acknowledged has no entry")
    }

    @Test(
        "Events that a consumer has moved away are not acknowledged, be they files or lines",
        arguments: [Intake.Layout.file, .ndjson])
    func collectorDoesNotAcknowledgeEventsThatAreTaken(layout: Intake.Layout) async throws {
        let scene = try await SessionScene { $0.layout = layout }
        var attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        attempt.source = Endpoint(ip: try IPAddress("20.21.208.105"), port: 4)
        var drops: [String] = []
        for number in 0..<3 {
            let event = WebhookEvent(
                path: "/webhooks/vsee", body: Array("{\"number\":\(number)}".utf8),
                eventID: "event-\(number)", eventType: "visit.ended", envelope: "v2",
                contentType: "application/json")
            drops.append(try await scene.intake.receive(event, attempt: attempt).id)
        }
        await scene.intake.waitUntilStaged()
        let session = try await collector(scene, webhooks: true)
        let (ready, away) = (scene.directory.file("staging/ready/webhook"), scene.directory.file("away"))
        try FileManager.default.moveItem(atPath: ready, toPath: away)
        for drop in drops {
            let question = CollectQuestion(drop: drop, acknowledges: true)
            #expect(try await scene.handler.collect(question, session) == CollectPage(ok: true))
            #expect(try scene.intake.drop(id: drop)?.state == .released)
        }
        try FileManager.default.moveItem(atPath: away, toPath: ready)
        for drop in drops {
            let question = CollectQuestion(drop: drop, acknowledges: true)
            #expect(try await scene.handler.collect(question, session).drops.map(\.id) == [drop])
            #expect(try scene.intake.drop(id: drop)?.state == .acknowledged)
        }
        await scene.intake.close()
    }

    @Test(
        "Where the gate cannot look whether a drop is there, its acknowledgement fails",
        .enabled(if: geteuid() != 0, "root may look everywhere"))
    func acknowledgementWithoutALook() async throws {
        let scene = try await SessionScene()
        let drop = try await scene.release("a.xml", of: "vsee")
        await scene.intake.waitUntilStaged()
        let session = try await collector(scene)
        let folder = scene.directory.file("staging/ready/sftp/vsee")
        try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: folder)
        let question = CollectQuestion(drop: drop, acknowledges: true)
        let refused = try await scene.handler.collect(question, session)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
        #expect(!refused.ok && refused.drops.isEmpty)
        #expect(try scene.intake.drop(id: drop)?.state == .released)
        #expect(try await scene.handler.collect(question, session).drops.map(\.id) == [drop])
        await scene.intake.close()
    }

    @Test(
        "A collector is told what has become of a drop of its scope, and whether it was that acknowledged it")
    func collectorAsksForStandings() async throws {
        let scene = try await SessionScene()
        var drops: [String] = []
        for name in ["waits", "mine", "theirs"] {
            drops.append(try await scene.release("\(name).xml", of: "vsee"))
        }
        let foreign = try await scene.release("a.xml", of: "other")
        await scene.intake.waitUntilStaged()
        let session = try await collector(scene)
        _ = try await scene.handler.collect(CollectQuestion(drop: drops[1], acknowledges: true), session)
        var other = Attempt(kind: .access, channel: nil, verdict: .accepted, reason: .read)
        other.detail = ["drop": .string(drops[2]), "acknowledged": true]
        #expect(try await scene.intake.acknowledge(drops[2], as: other))
        var said: [String?] = []
        for drop in drops + [foreign, DropID.make(milliseconds: 9), "../x"] {
            let answer = try await scene.handler.collect(
                CollectQuestion(drop: drop, asksStanding: true), session)
            #expect(answer.ok && answer.drops.isEmpty)
            said.append(answer.standing)
        }
        #expect(
            said == [
                #"{"drop":"\#(drops[0])","state":"released"}"#,
                #"{"by_you":true,"drop":"\#(drops[1])","state":"acknowledged"}"#,
                #"{"by_you":false,"drop":"\#(drops[2])","state":"acknowledged"}"#,
                nil, nil, nil,
            ])
        await scene.intake.close()
    }

    @Test("Of two sessions that acknowledge a drop at once one does, and it alone has an entry")
    func twoCollectorsAtOnce() async throws {
        let scene = try await SessionScene()
        var drops: [String] = []
        for number in 0..<60 { drops.append(try await scene.release("\(number).xml", of: "vsee")) }
        await scene.intake.waitUntilStaged()
        let sessions = [try await collector(scene), try await collector(scene)]
        let done = try await withThrowingTaskGroup(of: [String].self) { group in
            for session in sessions {
                group.addTask { [drops] in
                    var done: [String] = []
                    for drop in drops {
                        let question = CollectQuestion(drop: drop, acknowledges: true)
                        done += try await scene.handler.collect(question, session).drops.map(\.id)
                    }
                    return done
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(done.sorted() == drops.sorted())
        await scene.intake.close()
        let told = try scene.entries("access").compactMap { $0["detail"]?["drop"]?.string }
        #expect(told.sorted() == drops.sorted())
    }

    @Test(
        "A collector that was disabled, became a sender or is no longer listed reads nothing",
        arguments: 0..<3)
    func withdrawnCollector(index: Int) async throws {
        let scene = try await SessionScene()
        _ = try await scene.release("a.xml", of: "vsee")
        await scene.intake.waitUntilStaged()
        let session = try await collector(scene)
        switch index {
        case 0: try scene.store.setDisabled(true, name: "acme")
        case 1: try scene.store.replace(scene.account)
        default: try scene.intake.use(SessionScene.policy("203.0.113.0/24"))
        }
        let answer = try await scene.handler.collect(CollectQuestion(), session)
        #expect(!answer.ok && answer.drops.isEmpty && answer.message?.isEmpty == false)
    }

    @Test("A collector commits nothing, and a sender asks for nothing")
    func rolesDoNotMix() async throws {
        let scene = try await SessionScene()
        let session = try await collector(scene)
        await #expect(throws: SessionIPCHandler.BadMessage.self) {
            try await scene.commit(scene.upload("a.xml", "hello"), session)
        }
        let other = try await SessionScene()
        let sender = try await other.session()
        await #expect(throws: SessionIPCHandler.BadMessage.self) {
            try await other.handler.collect(CollectQuestion(), sender)
        }
    }
}
