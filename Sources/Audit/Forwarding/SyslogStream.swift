// Entries to a syslog receiver, with a position that is as exact as TCP allows; see SyslogConnection.
import NIOCore
import Synchronization

final class SyslogStream: ForwardStream {
    /// How long the receiver has to read what its kernel has acknowledged, before it counts as read. If the
    /// connection breaks within that time, it is sent again: at least once, and each message carries its seq.
    private static let settling: Duration = .milliseconds(500)
    /// One write: below what receivers read at once.
    private static let batchBytes = 48 << 10
    /// Writes that wait for the peer's kernel.
    private static let window = 16

    private struct State {
        var sent: Int64?
        var batches = 0
        /// What was acknowledged when.
        var acknowledged: [(seq: Int64, at: ContinuousClock.Instant)] = []
        var confirmed: Int64?
    }

    private let connection: SyslogConnection
    private let state = Mutex(State())

    init(_ connection: SyslogConnection) { self.connection = connection }

    func send(_ records: [ForwardRecord]) async throws {
        var buffer = ByteBuffer()
        var last: Int64?
        for record in records {
            buffer.writeString("\(record.bytes.count) ")
            buffer.writeBytes(record.bytes)
            last = record.seq
            if buffer.readableBytes >= Self.batchBytes {
                try await write(buffer, record.seq)
                buffer.clear()
                last = nil
            }
        }
        if let last { try await write(buffer, last) }
    }

    private func write(_ buffer: ByteBuffer, _ seq: Int64) async throws {
        if connection.end != nil { throw await broken("ended") }
        do {
            try await connection.send(buffer, last: seq)
            state.withLock {
                $0.sent = seq
                $0.batches += 1
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw await broken(CallTrouble.words(error))
        }
    }

    var hasRoom: Bool {
        look()
        return state.withLock { $0.batches < Self.window }
    }

    func confirmed() async throws -> Int64? {
        look()
        if connection.end != nil { throw await broken("ended") }
        return state.withLock { state in
            let now = ContinuousClock.now
            while let first = state.acknowledged.first, now - first.at >= Self.settling {
                state.confirmed = first.seq
                state.acknowledged.removeFirst()
            }
            return state.confirmed
        }
    }

    /// Notes what was acknowledged since the last look.
    private func look() {
        guard let seq = connection.acknowledged else { return }
        state.withLock { state in
            guard seq > max(state.acknowledged.last?.seq ?? -1, state.confirmed ?? -1) else { return }
            state.acknowledged.append((seq, .now))
            if seq == state.sent { state.batches = 0 }
        }
    }

    /// After the end: what the receiver has for certain.
    private func broken(_ message: String) async -> ForwardError {
        await connection.close()
        look()
        return state.withLock { state in
            switch connection.end {
            case .clean:
                return ForwardError(
                    confirmed: state.acknowledged.last?.seq ?? state.confirmed,
                    description: "it closed; see why in its log")
            case .broken(let why): return ForwardError(confirmed: state.confirmed, description: why)
            case nil: return ForwardError(confirmed: state.confirmed, description: message)
            }
        }
    }

    func close() async { await connection.close() }
}
