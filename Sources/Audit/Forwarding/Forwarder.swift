// Forwards entries as they come. The ledger itself is the buffer: after an outage it goes on where the target's
// position says, in order. A target that is down stops nothing but its own forwarding.
package import Admission
import Blocking
import Foundation
package import Ledger
package import Logging
package import Settings
import Synchronization

package final class Forwarder: Sendable {
    typealias Open = @Sendable (ForwardCursor) async throws -> any ForwardStream
    /// Told why nothing goes through, each time that is tried, and nil once something does again.
    package typealias Report = @Sendable (String?) -> Void

    package let name: String
    private let target: String
    private let reader: any LedgerReading
    private let cursorFile: String
    private let render: @Sendable (StoredEntry) throws -> [UInt8]
    private let open: Open
    private let logger: Logger
    private let report: Report
    private let standing = Mutex(ForwardStanding(at: .now))
    private let phase = Mutex(Phase.new)
    private let end = AsyncStream.makeStream(of: Void.self)
    /// It reads the ledger and syncs files; a second thread sees that the first one is held up.
    private let executor = BlockingExecutor(label: "forwarder", width: 2)

    private enum Phase { case new, running, finishing, ended }

    /// Entries read at once.
    private static let page = 256
    private static let idle: Duration = .milliseconds(100)
    /// Characters of an error that are kept.
    private static let longestError = 512
    /// How long a target may acknowledge nothing, with entries waiting, before somebody should look: longer than a receiver
    /// that restarts takes, or that writes its buffers away.
    private static let patience: Duration = .seconds(30)

    /// - Parameter cursorFile: where the position lies.
    init(
        name: String, target: String, reader: any LedgerReading, cursorFile: String, logger: Logger,
        report: @escaping Report, render: @escaping @Sendable (StoredEntry) throws -> [UInt8],
        open: @escaping Open
    ) {
        self.name = name
        self.target = target
        self.reader = reader
        self.cursorFile = cursorFile
        self.logger = logger
        self.report = report
        self.render = render
        self.open = open
    }

    /// RFC 5424 messages to a receiver over TCP or TLS. `directory` holds positions.
    package static func syslog(
        _ settings: SyslogSettings, ledger: LedgerHandle, directory: String, logger: Logger,
        report: @escaping Report
    ) throws -> Forwarder {
        let target = SyslogTarget(settings)
        let format = EntryFormat.syslog(enterprise: settings.enterprise)
        return Forwarder(
            name: "syslog", target: target.address, reader: try ledger.reader(),
            cursorFile: directory + "/syslog.json", logger: logger, report: report,
            render: { try format.message($0) },
            open: { _ in SyslogStream(try await SyslogConnection.open(target)) })
    }

    /// Lines to a file for log shippers.
    package static func file(
        _ settings: ForwardFileSettings, ledger: LedgerHandle, directory: String, logger: Logger,
        report: @escaping Report
    ) throws -> Forwarder {
        let format: EntryFormat =
            switch settings.format {
            case .jsonl: .jsonl
            case .ecs: .ecs
            case .ocsf: .ocsf
            }
        return Forwarder(
            name: "file", target: "\(settings.path) \(settings.format.rawValue)",
            reader: try ledger.reader(), cursorFile: directory + "/file.json", logger: logger,
            report: report, render: { try format.message($0) },
            open: { cursor in
                try FileStream(path: settings.path, cursor: cursor, tell: { logger.warning("\($0)") })
            })
    }

    // MARK: Beginning and end

    /// Goes on until `finish` is called and nothing waits, or the task is cancelled. It runs once.
    package func run() async {
        phase.withLock { $0 = .running }
        await withTaskExecutorPreference(executor) {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.lookForStalls() }
                await forwardUntilEnd()
                group.cancelAll()
            }
            if let waiting, waiting > 0 {
                let message =
                    "forwarding to \(target): \(Counted.entries(waiting)) had not got through for certain when the gate "
                    + "stopped, and will follow after the next start"
                logger.warning("\(message)")
            }
        }
        phase.withLock { $0 = .ended }
        end.continuation.finish()
    }

    /// Lets `run` end once all that was committed by now is there for certain, and returns when it has ended. A target that
    /// is away is not waited for. The caller says how long it waits, by cancelling.
    package func finish() async {
        let isRunning = phase.withLock { phase in
            if phase == .running { phase = .finishing }
            return phase == .finishing
        }
        if isRunning { for await _ in end.stream {} }
    }

    private var isFinishing: Bool { phase.withLock { $0 == .finishing } }

    private func forwardUntilEnd() async {
        var backOff = BackOff()
        while !Task.isCancelled {
            do {
                var cursor = try position()
                let stream = try await open(cursor)
                return try await forward(over: stream, &cursor)
            } catch is CancellationError {
                return
            } catch {
                if failed(error) { backOff = BackOff() }
                await pause(backOff.next())
                if isFinishing { return }
            }
        }
    }

    /// Ends at once when the gate stops.
    private func pause(_ duration: Duration) async {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end, !isFinishing, !Task.isCancelled {
            try? await Task.sleep(for: Self.idle)
        }
    }

    // MARK: Forwarding

    /// Where to go on: the stored position. A new target gets the ledger from its first entry on (but for what lies in sealed
    /// segments), so that what is there is complete; and so does one whose position is of another ledger.
    private func position() throws -> ForwardCursor {
        let stored = try ForwardCursor.read(cursorFile, target: target)
        let cursor: ForwardCursor
        if let stored, try isOfThisLedger(stored) {
            cursor = stored
        } else {
            if let stored {
                logger.warning(
                    "forwarding to \(target): the position that was kept, entry \(stored.seq), is of another ledger than this one; it begins anew, and entries may arrive twice"
                )
            }
            var query = LedgerQuery()
            query.limit = 1
            let first = try reader.entries(query).first?.seq ?? 0
            cursor = ForwardCursor(target: target, seq: first - 1)
            try cursor.write(cursorFile)
            logger.notice("forwarding to \(target) begins with entry \(first)")
        }
        standing.withLock { $0.begins(at: cursor.seq) }
        return cursor
    }

    /// False after an older ledger was restored, or another one put in its place: what it has under these numbers was not forwarded.
    private func isOfThisLedger(_ cursor: ForwardCursor) throws -> Bool {
        guard cursor.seq >= 0 else { return true }
        guard let last = try reader.lastSeq(), cursor.seq <= last else { return false }
        // An entry that is not there any more was removed when its time was over. What cannot be read says nothing against it.
        guard let kept = cursor.leaf, let own = try? leaf(of: cursor.seq) else { return true }
        return kept == own
    }

    private func leaf(of seq: Int64) throws -> String? {
        try reader.entry(seq: seq).map { MerkleHash.leaf($0.json).base64 }
    }

    /// Returns when the gate stops and nothing waits. Throws what ended the stream.
    private func forward(over stream: any ForwardStream, _ cursor: inout ForwardCursor) async throws {
        do {
            var query = LedgerQuery()
            query.limit = Self.page
            // A file may hold more than the position says.
            try await confirm(stream, &cursor)
            query.after = cursor.seq
            while true {
                try Task.checkCancellation()
                // Asked before the ledger is, so that the last look finds the last entry.
                let isLast = isFinishing
                let entries = stream.hasRoom ? try reader.entries(query) : []
                if let last = entries.last {
                    try stream.prepare()
                    try advance(&cursor, to: cursor.seq, stream)
                    try await stream.send(
                        try entries.map { ForwardRecord(seq: $0.seq, bytes: try render($0)) })
                    query.after = last.seq
                }
                try await confirm(stream, &cursor)
                guard entries.isEmpty else { continue }
                if cursor.seq >= query.after ?? -1 {
                    works(cursor.seq)
                    if isLast { break }
                }
                try await Task.sleep(for: Self.idle)
            }
            await stream.close()
        } catch let end as ForwardError {
            if let confirmed = end.confirmed { try advance(&cursor, to: confirmed, stream) }
            throw end
        } catch {
            try? await confirm(stream, &cursor)
            await stream.close()
            throw error
        }
    }

    private func confirm(_ stream: any ForwardStream, _ cursor: inout ForwardCursor) async throws {
        if let confirmed = try await stream.confirmed() { try advance(&cursor, to: confirmed, stream) }
    }

    private func advance(_ cursor: inout ForwardCursor, to seq: Int64, _ stream: any ForwardStream) throws {
        var next = cursor
        next.seq = max(cursor.seq, seq)
        if let mark = (stream as? FileStream)?.mark { (next.inode, next.size) = (mark.inode, mark.size) }
        guard next != cursor else { return }
        if next.seq > cursor.seq { next.leaf = try? leaf(of: next.seq) }
        try next.write(cursorFile)
        let isFurther = next.seq > cursor.seq
        cursor = next
        if isFurther { works(next.seq) }
    }

    // MARK: What is said of it

    /// Entries that are not at the target for certain; nil before its position is known.
    package var waiting: Int64? {
        guard let confirmed = standing.withLock({ $0.confirmed }) else { return nil }
        return max(0, ((try? reader.lastSeq()) ?? -1) - confirmed)
    }

    /// When the first of them was recorded; nil when none waits.
    package var waitingSince: Instant? {
        guard let confirmed = standing.withLock({ $0.confirmed }) else { return nil }
        var query = LedgerQuery()
        query.after = confirmed
        query.limit = 1
        return (try? reader.entries(query))?.first?.time
    }

    /// Whether nothing goes through now.
    package var isFailing: Bool { standing.withLock { $0.trouble != nil } }
    /// When something was confirmed last, or nothing waited, since the start.
    package var succeeded: Instant? { standing.withLock(\.succeeded) }
    /// When it failed last since the start.
    package var failed: Instant? { standing.withLock { $0.failure?.at } }

    /// How it stands now. It looks into the ledger.
    package var state: ForwarderState {
        let standing = standing.withLock(\.self)
        let age = waitingSince.map { max(0, (Instant.now() - $0).components.seconds) }
        return ForwarderState(
            name: name, target: target, confirmed: standing.confirmed, waiting: waiting,
            waitingSeconds: age ?? 0,
            isFailing: standing.trouble != nil, lastError: standing.failure?.words,
            lastErrorTime: standing.failure?.at.description, lastSuccess: standing.succeeded?.description)
    }

    private func works(_ seq: Int64) {
        let change = standing.withLock { $0.goesOn(to: seq, at: .now, time: .now()) }
        guard change == .works else { return }
        report(nil)
        logger.notice("forwarding to \(target) works again, waiting now: \(Counted.entries(waiting ?? 0))")
    }

    /// Returns whether it is new.
    @discardableResult
    private func failed(_ error: any Error) -> Bool {
        // The other end may have had its say in it.
        let words = UntrustedText.line("\(error)".prefix(Self.longestError))
        let isNew = standing.withLock { $0.fails(words, time: .now()) }
        let message = "forwarding to \(target) has stopped, the ledger keeps what comes: \(words)"
        report(message)
        if isNew { logger.warning("\(message)") }
        return isNew
    }

    /// A target that takes nothing and says nothing ends no stream: it is found by what waits.
    private func lookForStalls() async {
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            guard let waiting, waiting > 0 else {
                standing.withLock { $0.rests(at: .now) }
                continue
            }
            let hasStalled = standing.withLock {
                $0.hasStalled(for: Self.patience, waiting: waiting, at: .now)
            }
            guard hasStalled else { continue }
            failed(
                ForwardError(
                    description:
                        "it has acknowledged nothing for \(Self.patience.components.seconds) s; see whether it is up and reads"
                ))
        }
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
