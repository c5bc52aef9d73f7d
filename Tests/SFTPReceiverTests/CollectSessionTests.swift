// The session process of a collector: what it may list and read, as the daemon names it, and what damage in staging costs.
import Foundation
import SFTPWire
import Staging
import Support
import Synchronization
import Testing

@testable import SFTPReceiver
@testable import SFTPSession

@Suite struct CollectSessionTests {
    private let home: TemporaryDirectory

    init() throws { home = try TemporaryDirectory("collect") }

    private func session() -> SessionClient {
        let client = SessionClient(socket: home.file("link"))
        #expect(client.greet().prefix(5) == [2, 0, 0, 0, 3])
        return client
    }

    /// A session for which the daemon's word is old at once: each READ asks again.
    private func sessionThatAsksEachTime() -> SessionClient {
        let staging = home.file("staging")
        let client = SessionClient.linked(home.file("link")) { link, _, descriptor in
            let store = try CollectStore(staging: staging, link: link, freshness: .zero)
            var loop = SessionLoop(
                DropCollection(account: "acme"), host: store, input: descriptor, output: descriptor,
                signals: -1)
            loop.run()
        }
        #expect(client.greet().prefix(5) == [2, 0, 0, 0, 3])
        return client
    }

    private func collector(_ files: [String]) async throws -> TestDaemon {
        let daemon = try await TestDaemon(home: home)
        for (index, file) in files.enumerated() {
            let id = "id\(index)"
            for (path, text) in [("ready/\(file)", file), ("receipts/\(id).json", id)] {
                let place = URL(fileURLWithPath: home.file("staging/\(path)"))
                try FileManager.default.createDirectory(
                    at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.utf8).write(to: place)
            }
            daemon.drops.withLock { $0.append(CollectPage.Drop(id: id, path: file)) }
        }
        daemon.isCollector.withLock { $0 = true }
        return daemon
    }

    private func read(_ client: SessionClient, _ path: String) -> String? {
        let handle = client.open(path, flags: 1)
        return handle.isEmpty ? nil : piece(client, handle)
    }

    private func piece(_ client: SessionClient, _ handle: [UInt8], from offset: UInt64 = 0) -> String? {
        let reply = client.ask(5, handle + SessionClient.long(offset) + SessionClient.word(1000))
        return reply.type == 103 ? String(decoding: reply.fields.dropFirst(4), as: UTF8.self) : nil
    }

    @Test func aCollectorReadsWhatTheDaemonNamesAndNothingElse() async throws {
        let files = ["sftp/vsee/a.xml", "sftp/vsee/d/b.xml", "webhook/2026-11-23/c.json"]
        let daemon = try await collector(files)
        try Data("secret".utf8).write(to: URL(fileURLWithPath: home.file("staging/ready/sftp/vsee/secret")))
        let client = session()
        for (index, file) in files.enumerated() {
            #expect(read(client, "/ready/\(file)") == file)
            #expect(read(client, "/receipts/id\(index).json") == "id\(index)")
        }
        for path in [
            "/ready/sftp/vsee/secret", "/receipts/id9.json", "/receipts/../ready", "/ready/sftp", "/link",
        ] {
            #expect(read(client, path) == nil)
        }
        #expect(client.size("/ready/sftp/vsee/a.xml") == 15)
        #expect(client.size("/ready/sftp/vsee/secret") == nil)
        #expect(client.open("/ready/new").isEmpty)
        #expect(client.hangUp() == 0)
        #expect(daemon.refusals.map(\.operation) == ["OPEN"])
    }

    @Test func aRemovedReceiptIsCollected() async throws {
        let daemon = try await collector(["sftp/vsee/a.xml"])
        let client = session()
        let receipt = SessionClient.string("/receipts/id0.json")
        #expect(read(client, "/ready/sftp/vsee/a.xml") != nil)
        #expect(client.status(13, receipt).code == 0)
        #expect(client.status(13, receipt).code == 2)
        #expect(read(client, "/ready/sftp/vsee/a.xml") == nil)
        #expect(client.hangUp() == 0)
        #expect(daemon.drops.withLock { $0.isEmpty })
        #expect(
            home.files(under: "staging/ready") == ["sftp/vsee/a.xml"],
            "the gate removes files, not the session")
    }

    /// Reads again and again until the answer is another one; the daemon's word holds for a second.
    private func readOn(_ client: SessionClient, _ handle: [UInt8], while type: UInt8) -> [UInt8] {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            let reply = client.ask(5, handle + SessionClient.long(0) + SessionClient.word(1000))
            if reply.type != type { return reply.fields }
        }
        return []
    }

    @Test func aFileThatIsOpenIsReadNoLongerThanItsAccountMay() async throws {
        let daemon = try await collector(["sftp/vsee/a.xml", "sftp/vsee/b.xml"])
        let client = session()
        let first = client.open("/ready/sftp/vsee/a.xml", flags: 1)
        let second = client.open("/ready/sftp/vsee/b.xml", flags: 1)
        // Somebody else collects the first one.
        daemon.drops.withLock { $0.removeAll { $0.id == "id0" } }
        #expect(readOn(client, first, while: 103).starts(with: SessionClient.word(3)))
        // This session collects the second one, and reads on until the account is withdrawn.
        #expect(client.status(13, SessionClient.string("/receipts/id1.json")).code == 0)
        let asked = ContinuousClock.now
        while asked.duration(to: .now) < .milliseconds(1200) {
            let reply = client.ask(5, second + SessionClient.long(0) + SessionClient.word(1000))
            #expect(reply.type == 103)
        }
        daemon.withdrawal.withLock { $0 = "the account is disabled" }
        let refusal = readOn(client, second, while: 103)
        #expect(refusal.starts(with: SessionClient.word(3)))
        #expect(String(decoding: refusal, as: UTF8.self).contains("the account is disabled"))
        #expect(client.hangUp() == 0)
        let opens = daemon.messages.compactMap { message -> String? in
            if case .collect(let question) = message, question.opens { question.drop } else { nil }
        }
        #expect(opens == ["id0", "id1"])
    }

    @Test func aCollectorsDirectoriesHoldWhatTheDaemonNames() async throws {
        let daemon = try await collector(["sftp/vsee/a.xml", "sftp/vsee/d/b.xml", "sftp/lab/c.xml"])
        try Data().write(to: URL(fileURLWithPath: home.file("staging/ready/sftp/lab/other")))
        let client = session()
        func names(_ path: String) -> Set<String> {
            let opened = client.ask(11, SessionClient.string(path))
            let reply = client.ask(12, opened.fields)
            let text = String(decoding: reply.fields, as: UTF8.self)
            return Set(
                [
                    "receipts", "ready", "sftp", "vsee", "lab", "d", "a.xml", "c.xml", "other", "id0.json",
                    "id2.json",
                ]
                .filter { text.contains("\0\($0)\0") || text.contains(" \($0)\0") })
        }
        #expect(names("/") == ["receipts", "ready"])
        #expect(names("/ready") == ["sftp"])
        #expect(names("/ready/sftp") == ["vsee", "lab"])
        #expect(names("/ready/sftp/vsee") == ["a.xml", "d"])
        #expect(names("/ready/sftp/lab") == ["c.xml"])
        #expect(names("/receipts") == ["id0.json", "id2.json"])
        #expect(client.hangUp() == 0)
        _ = daemon
    }

    @Test func aNameThatALaterDropHasIsNotReadAsTheEarlierOne() async throws {
        let daemon = try await collector(["sftp/vsee/a.xml"])
        let client = session()
        #expect(read(client, "/ready/sftp/vsee/a.xml") == "sftp/vsee/a.xml")
        // Its sender renames it, and sends another file of the name.
        let ready = home.file("staging/ready/sftp/vsee")
        try FileManager.default.moveItem(atPath: ready + "/a.xml", toPath: ready + "/a.xml.1")
        try Data("later".utf8).write(to: URL(fileURLWithPath: ready + "/a.xml"))
        daemon.drops.withLock {
            $0 = [
                CollectPage.Drop(id: "id1", path: "sftp/vsee/a.xml"),
                CollectPage.Drop(id: "id0", path: "sftp/vsee/a.xml.1"),
            ]
        }
        #expect(read(client, "/ready/sftp/vsee/a.xml") == "later")
        #expect(read(client, "/ready/sftp/vsee/a.xml.1") == "sftp/vsee/a.xml")
        #expect(client.hangUp() == 0)
        let opens = daemon.messages.compactMap { message -> String? in
            if case .collect(let question) = message, question.opens { question.drop } else { nil }
        }
        #expect(opens == ["id0", "id1", "id0"], "the ledger says whose bytes were read")
    }

    @Test func aDropThatWasRenamedSinceItsReceiptWasReadIsNotAcknowledged() async throws {
        let daemon = try await collector(["sftp/vsee/a.xml"])
        let client = session()
        let receipt = SessionClient.string("/receipts/id0.json")
        #expect(read(client, "/receipts/id0.json") == "id0")
        daemon.drops.withLock { $0 = [CollectPage.Drop(id: "id0", path: "sftp/vsee/b.xml")] }
        #expect(client.status(13, receipt).code == 2)
        #expect(daemon.drops.withLock { $0.count } == 1)
        #expect(read(client, "/receipts/id0.json") == "id0")
        #expect(client.status(13, receipt).code == 0, "its receipt was read again")
        #expect(client.hangUp() == 0)
    }

    @Test func whatHasBecomeOfADropCanBeReadAndIsNotListed() async throws {
        let daemon = try await collector(["sftp/vsee/a.xml"])
        let said = #"{"by_you":true,"drop":"id7","state":"acknowledged"}"#
        daemon.standings.withLock { $0["id7"] = said }
        let client = session()
        #expect(read(client, "/standing/id7.json") == said)
        #expect(client.size("/standing/id7.json") == UInt64(said.utf8.count))
        #expect(read(client, "/standing/id8.json") == nil && read(client, "/standing/id7") == nil)
        #expect(client.size("/standing") == nil)
        #expect(client.hangUp() == 0)
    }

    /// Questions for one drop that neither open it nor ask for its standing.
    private func questions(for drop: String, _ daemon: TestDaemon) -> Int {
        daemon.messages.count { $0 == .collect(CollectQuestion(drop: drop)) }
    }

    @Test func whatHasBecomeOfADropIsReadToItsEndThoughTheDropMayNotBeReadAnyMore() async throws {
        let daemon = try await collector(["sftp/vsee/a.xml"])
        let said = #"{"by_you":false,"drop":"id7","state":"acknowledged"}"#
        daemon.standings.withLock { $0["id7"] = said }
        let client = sessionThatAsksEachTime()
        let handle = client.open("/standing/id7.json", flags: 1)
        #expect(piece(client, handle) == said)
        #expect(piece(client, handle, from: 10) == String(said.dropFirst(10)))
        let end = handle + SessionClient.long(UInt64(said.utf8.count)) + SessionClient.word(1000)
        #expect(client.status(5, end).code == 1)
        #expect(client.hangUp() == 0)
        #expect(questions(for: "id7", daemon) == 3, "one before each piece")
    }

    @Test func aReceiptIsReadNoLongerThanItsDropWaits() async throws {
        let daemon = try await collector(["sftp/vsee/a.xml"])
        let client = sessionThatAsksEachTime()
        let handle = client.open("/receipts/id0.json", flags: 1)
        #expect(piece(client, handle) == "id0")
        // Somebody else collects it.
        daemon.drops.withLock { $0 = [] }
        let refusal = client.status(5, handle + SessionClient.long(0) + SessionClient.word(1000))
        #expect(refusal.code == 3 && refusal.text.contains("its drop was collected or withdrawn"))
        #expect(client.hangUp() == 0)
    }

    // MARK: Receipts of batches

    private static func id(_ number: Int) -> String { "01jdk2v8q3m5t7w9y1b3d5f7h\(number)" }

    /// Receipts of two events that were released together, and their directory under `ready/`, which is not made.
    private func batch(_ first: Int, in daemon: TestDaemon) throws -> (receipts: String, lines: [String]) {
        let name = "webhook/2026-11-23/0815\(30 + first).123456Z-events-\(Self.id(first))"
        let place = home.file("staging/receipts/\(name).ndjson")
        try FileManager.default.createDirectory(
            atPath: String(place.prefix(upTo: place.lastIndex(of: "/") ?? place.endIndex)),
            withIntermediateDirectories: true)
        let lines = [first, first + 1].map { number in
            let path = "\(name)/\(number).json"
            daemon.drops.withLock { $0.append(CollectPage.Drop(id: Self.id(number), path: path)) }
            let receipt = Receipt(
                drop: Self.id(number), channel: "webhook", name: "\(number).json", file: "ready/\(path)",
                bytes: 1,
                received: "2026-11-23T08:15:30.123456Z")
            return String(decoding: receipt.encoded(), as: UTF8.self)
        }
        try Data(lines.joined().utf8).write(to: URL(fileURLWithPath: place))
        return (place, lines)
    }

    private func receipts(_ client: SessionClient) -> [String] {
        let opened = client.ask(11, SessionClient.string("/receipts"))
        let text = String(decoding: client.ask(12, opened.fields).fields, as: UTF8.self)
        return (["id0"] + (0..<10).map(Self.id)).filter { text.contains("\($0).json") }
    }

    @Test func receiptsThatCannotBeReadHideTheirOwnDropsAndNoOthers() async throws {
        let daemon = try await collector(["sftp/vsee/a.xml"])
        let (damaged, lines) = try batch(0, in: daemon)
        let good = try batch(2, in: daemon)
        let lost = try batch(4, in: daemon)
        let client = session()
        #expect(receipts(client) == ["id0"] + (0...5).map(Self.id))
        #expect(read(client, "/receipts/\(Self.id(1)).json") == lines[1])
        // Another session: this one keeps what it has read last.
        #expect(client.hangUp() == 0)
        try Data((lines[0] + "\u{0}\n").utf8).write(to: URL(fileURLWithPath: damaged))
        try FileManager.default.removeItem(atPath: lost.receipts)
        try FileManager.default.createDirectory(atPath: lost.receipts, withIntermediateDirectories: false)
        let later = session()
        #expect(receipts(later) == ["id0"] + [0, 2, 3].map(Self.id))
        #expect(read(later, "/receipts/\(Self.id(3)).json") == good.lines[1])
        #expect(read(later, "/receipts/\(Self.id(4)).json") == nil)
        #expect(read(later, "/receipts/id0.json") == "id0")
        #expect(later.hangUp() == 0)
        _ = daemon
    }
}
