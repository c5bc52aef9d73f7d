// An Intake with a directory of its own, and the things tests give it.
import Admission
import Foundation
import Intake
import JSON
import Ledger
import LedgerSupport
import Logging
import Staging
import Support
import Synchronization

/// A clock that the test moves.
final class TestClock: Sendable {
    private let time = Mutex(Instant.now())

    var now: Instant { time.withLock { $0 } }
    func pass(_ duration: Duration) { time.withLock { $0 += duration } }
}

/// What a gate logs, line by line.
struct LogLines: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    private let lines: AsyncStream<String>.Continuation

    /// - Returns: a logger, and its lines for one reader.
    static func make() -> (logger: Logger, lines: AsyncStream<String>) {
        let (stream, lines) = AsyncStream.makeStream(of: String.self)
        return (Logger(label: "test") { _ in LogLines(lines: lines) }, stream)
    }

    private init(lines: AsyncStream<String>.Continuation) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { lines.yield("\(event.message)") }
}

struct Gate {
    let directory: TemporaryDirectory
    let intake: Intake

    init(
        _ directory: TemporaryDirectory? = nil, clock: TestClock? = nil, disk: FailingDisk = FailingDisk(),
        mostPending: Int = .max, logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        change: (inout Intake.Configuration) -> Void = { _ in }
    ) throws {
        let directory = try directory ?? TemporaryDirectory("gate")
        self.directory = directory
        var configuration = Intake.Configuration(
            node: "t", ledger: LedgerHandle(file: directory.file("ledger.sqlite")),
            stagingPath: directory.file("staging"))
        configuration.reserveBytes = 1
        configuration.reserveInodes = 1
        change(&configuration)
        let store = try configuration.ledger.open(node: configuration.node)
        intake = try Intake(
            configuration, store: FailingStore(store, disk: disk, mostPending: mostPending),
            policy: Self.policy(),
            logger: logger, clock: { clock?.now ?? Instant.now() })
    }

    static func policy() throws -> Policy {
        try Policy(entries: [
            SourceEntry(
                list: "test", service: "vsee", cidr: CIDRBlock("20.21.208.105"), channels: [.webhook, .sftp],
                document: nil, owner: nil, reviewBy: nil, expires: nil, mode: .enforce, note: nil)
        ])
    }

    static func event(_ id: String?, body: String, envelope: String = "v2") -> WebhookEvent {
        WebhookEvent(
            path: "/webhooks/vsee", body: Array(body.utf8), eventID: id, eventType: "visit.ended",
            envelope: envelope,
            contentType: "application/json")
    }

    /// Leaves committed webhooks in a ledger that no gate has open, as a crash does.
    static func commitWebhooks(_ directory: TemporaryDirectory, ids: some Sequence<String>) throws {
        _ = try StagingArea(path: directory.file("staging"))
        let store = try LedgerHandle(file: directory.file("ledger.sqlite")).open(node: "t")
        let operations = ids.map { id -> LedgerOperation in
            var attempt = accepted
            attempt.drop = DropFacts(id: id, name: "", bytes: 2, sha256: "00")
            let drop = DropRegistration(
                id: id, content: .body(Array("{}".utf8)), repeatKey: Array(id.utf8), eventKey: nil,
                keepsRepeats: false, readyPath: { _ in readyPath(ofWebhook: id) })
            return .append(attempt, drop: drop)
        }
        _ = try store.commit(operations, now: .now())
    }

    /// Where such a webhook is to lie.
    static func readyPath(ofWebhook id: String) -> String {
        "webhook/2026-11-23/081530.000000Z-x-\(id).json"
    }

    static func commitWebhook(_ directory: TemporaryDirectory, id: String) throws {
        try commitWebhooks(directory, ids: [id])
    }

    static var accepted: Attempt {
        var attempt = Attempt(kind: .request, channel: .webhook, verdict: .accepted, reason: .listed)
        attempt.source = (try? IPAddress("20.21.208.105")).map { Endpoint(ip: $0, port: 4) }
        return attempt
    }

    static var transfer: Attempt {
        var attempt = Attempt(kind: .transfer, channel: .sftp, verdict: .accepted, reason: .listed)
        attempt.account = "acme"
        return attempt
    }

    /// Puts bytes where a session would leave a whole upload.
    func upload(_ path: String, _ text: String) throws -> FinishedUpload {
        let id = DropID.make(milliseconds: 1)
        let parts = directory.file("staging/incoming/sftp/acme/parts")
        try FileManager.default.createDirectory(atPath: parts, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: parts + "/\(id).part"))
        return FinishedUpload(
            dropID: id, account: "acme", path: path, bytes: Int64(text.utf8.count),
            sha256: String(text.hashValue), modified: 1_700_000_000)
    }

    func ready() -> [String] { directory.files(under: "staging/ready") }

    func contents(_ readyPath: String) -> String? {
        try? String(contentsOfFile: directory.file("staging/ready/\(readyPath)"), encoding: .utf8)
    }

    func entries(_ query: LedgerQuery = LedgerQuery()) throws -> [JSONValue] {
        try LedgerHandle(file: directory.file("ledger.sqlite")).reader().entries(query).map { try $0.value() }
    }
}
