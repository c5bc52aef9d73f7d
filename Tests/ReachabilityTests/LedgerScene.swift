// A ledger of made-up attempts for the doctor's checks. Times are told as minutes before the look.
import Admission
import Ledger
import Support
import Testing

@testable import Reachability

struct LedgerScene {
    static let now = Instant(microseconds: 1_795_421_730_000_000)

    private let directory: TemporaryDirectory
    private let store: any LedgerStore
    private let path: String

    init() throws {
        directory = try TemporaryDirectory("doctor")
        path = directory.file("ledger.sqlite")
        store = try LedgerHandle(file: path).open(node: "t")
    }

    func reader() throws -> any LedgerReading { try LedgerHandle(file: path).reader() }

    /// Oldest first, as the ledger has them.
    func add(_ attempt: Attempt, minutesAgo: Int) throws {
        _ = try store.commit([.append(attempt, drop: nil)], now: Self.now - .seconds(60 * minutesAgo))
    }

    func refuse(
        _ ip: String, _ reason: Reason = .notListed, channel: Channel = .webhook,
        kind: EntryKind = .connection,
        count: Int64 = 1, minutesAgo: Int
    ) throws {
        var attempt = Attempt(kind: kind, channel: channel, verdict: .rejected, reason: reason)
        attempt.source = Endpoint(ip: try IPAddress(ip))
        attempt.count = count
        try add(attempt, minutesAgo: minutesAgo)
    }

    func accept(_ ip: String, channel: Channel = .webhook, minutesAgo: Int) throws {
        var attempt = Attempt(kind: .request, channel: channel, verdict: .accepted, reason: .listed)
        attempt.source = Endpoint(ip: try IPAddress(ip))
        attempt.entries = ["vsee/clinic"]
        try add(attempt, minutesAgo: minutesAgo)
    }

    static func policy(_ blocks: String...) throws -> Policy {
        try Policy(
            entries: blocks.map {
                SourceEntry(
                    list: "vsee", service: "clinic", cidr: try CIDRBlock($0), channels: [.webhook, .sftp])
            })
    }
}
