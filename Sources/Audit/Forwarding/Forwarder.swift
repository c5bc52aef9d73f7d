// Forwards entries as they come. The ledger itself is the buffer: after an outage it goes on where the target's
// position says, in order. A target that is down stops nothing but its own forwarding.
import Foundation
import Ledger
package import Logging
import ServiceLifecycle
package import Settings
import Synchronization

package final class Forwarder: Service {
    /// How far a forwarder is, for pages and metrics.
    package struct Status: Sendable {
        /// The last entry that is certainly at the target; −1 before the first.
        package var confirmed: Int64 = -1
        package var isConnected = false
        /// Why it is not; nil before the first failure.
        package var lastError: String?
    }

    typealias Open = @Sendable (ForwardCursor) async throws -> any ForwardStream

    package let name: String
    private let target: String
    private let reader: LedgerReader
    private let cursorFile: String
    private let render: @Sendable (StoredEntry) throws -> [UInt8]
    private let open: Open
    private let logger: Logger
    private let state = Mutex(Status())

    /// Entries read at once.
    private static let page = 256
    private static let idle: Duration = .milliseconds(100)

    /// - Parameter cursorFile: where the position lies.
    init(
        name: String, target: String, reader: LedgerReader, cursorFile: String, logger: Logger,
        render: @escaping @Sendable (StoredEntry) throws -> [UInt8], open: @escaping Open
    ) {
        self.name = name
        self.target = target
        self.reader = reader
        self.cursorFile = cursorFile
        self.logger = logger
        self.render = render
        self.open = open
    }

    /// RFC 5424 messages to a receiver over TCP or TLS. `directory` holds positions.
    package static func syslog(_ settings: SyslogSettings, ledger: String, directory: String, logger: Logger)
        throws
        -> Forwarder
    {
        let target = SyslogTarget(settings)
        return Forwarder(
            name: "syslog", target: target.address, reader: try LedgerReader(path: ledger),
            cursorFile: directory + "/syslog.json", logger: logger,
            render: { try EntryFormatter(.syslog).message($0) },
            open: { _ in SyslogStream(try await SyslogConnection.open(target)) })
    }

    /// Lines to a file for log shippers.
    package static func file(
        _ settings: ForwardFileSettings, ledger: String, directory: String, logger: Logger
    ) throws
        -> Forwarder
    {
        let format: EntryFormat =
            switch settings.format {
            case .jsonl: .jsonl
            case .ecs: .ecs
            case .ocsf: .ocsf
            }
        let formatter = EntryFormatter(format)
        return Forwarder(
            name: "file", target: "\(settings.path) \(settings.format.rawValue)",
            reader: try LedgerReader(path: ledger), cursorFile: directory + "/file.json", logger: logger,
            render: { try formatter.message($0) },
            open: { try FileStream(path: settings.path, cursor: $0) })
    }

    package var status: Status { state.withLock { $0 } }

    /// Goes on until graceful shutdown, and gives what was committed by then a moment to leave.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var backOff = BackOff()
            while !Task.isCancelled {
                do {
                    var cursor = try self.position()
                    let stream = try await self.open(cursor)
                    self.connected(cursor)
                    backOff = BackOff()
                    try await self.forward(over: stream, &cursor)
                } catch is CancellationError {
                    return
                } catch {
                    self.failed(error)
                    try? await Task.sleep(for: backOff.next())
                }
            }
        }
    }

    /// Where to go on: the stored position, or for a new target the end of the ledger as it is now.
    private func position() throws -> ForwardCursor {
        if let cursor = try ForwardCursor.read(cursorFile, target: target) { return cursor }
        let cursor = ForwardCursor(target: target, seq: try reader.lastSeq() ?? -1)
        try cursor.write(cursorFile)
        return cursor
    }

    private func forward(over stream: any ForwardStream, _ cursor: inout ForwardCursor) async throws {
        do {
            var query = LedgerQuery()
            query.limit = Self.page
            // A file may hold more than the position says.
            try await confirm(stream, &cursor)
            query.after = cursor.seq
            while !Task.isCancelled {
                let entries = stream.hasRoom ? try reader.entries(query) : []
                if let last = entries.last {
                    try stream.prepare()
                    try advance(&cursor, to: cursor.seq, stream)
                    try await stream.send(
                        try entries.map { ForwardRecord(seq: $0.seq, bytes: try render($0)) })
                    query.after = last.seq
                }
                try await confirm(stream, &cursor)
                if entries.isEmpty { try await Task.sleep(for: Self.idle) }
            }
            try await stop(stream, &cursor, sent: query.after)
        } catch let end as ForwardBreak {
            if let confirmed = end.confirmed { try advance(&cursor, to: confirmed, stream) }
            throw end
        } catch is CancellationError {
            try await stop(stream, &cursor, sent: nil)
            throw CancellationError()
        }
    }

    private func stop(_ stream: any ForwardStream, _ cursor: inout ForwardCursor, sent: Int64?) async throws {
        try? await confirm(stream, &cursor)
        await stream.close()
    }

    private func confirm(_ stream: any ForwardStream, _ cursor: inout ForwardCursor) async throws {
        if let confirmed = try await stream.confirmed() { try advance(&cursor, to: confirmed, stream) }
    }

    private func advance(_ cursor: inout ForwardCursor, to seq: Int64, _ stream: any ForwardStream) throws {
        var next = cursor
        next.seq = max(cursor.seq, seq)
        if let mark = (stream as? FileStream)?.mark { (next.inode, next.size) = (mark.inode, mark.size) }
        guard next != cursor else { return }
        try next.write(cursorFile)
        cursor = next
        state.withLock { $0.confirmed = next.seq }
    }

    // MARK: What is said of it

    private func connected(_ cursor: ForwardCursor) {
        let wasLost = state.withLock { state in
            defer { (state.isConnected, state.confirmed) = (true, cursor.seq) }
            return !state.isConnected && state.lastError != nil
        }
        let waiting = ((try? reader.lastSeq()) ?? -1) - cursor.seq
        if wasLost {
            logger.notice("forwarding to \(target) goes on, \(max(0, waiting)) entries were waiting")
        }
    }

    private func failed(_ error: any Error) {
        let isNew = state.withLock { state in
            defer { (state.isConnected, state.lastError) = (false, "\(error)") }
            return state.isConnected || state.lastError == nil
        }
        if isNew { logger.warning("forwarding to \(target) stopped, the ledger keeps what comes: \(error)") }
    }
}

/// Times between tries: doubled up to a limit, each shortened at random, so that many gates do not come at once.
struct BackOff: Sendable {
    private var limit = 0.25
    private static let longest = 30.0

    mutating func next() -> Duration {
        defer { limit = min(Self.longest, limit * 2) }
        return .seconds(Double.random(in: limit / 2...limit))
    }
}
