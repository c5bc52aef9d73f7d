// Texts that wait to be encrypted: for the handshake, or for a flush.
import NIOCore

struct PendingWrites {
    /// Of a record's text (RFC 8446 section 5.1).
    static let record = 16384

    private var writes: [(text: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    /// Of all of them.
    private(set) var bytes = 0

    var isEmpty: Bool { writes.isEmpty }

    mutating func append(_ text: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        writes.append((text, promise))
        bytes += text.readableBytes
    }

    /// Forgets all of them. Returns who wants to know: they may write again when they hear of it.
    mutating func removeAll() -> [EventLoopPromise<Void>] {
        defer { self = PendingWrites() }
        return writes.compactMap(\.promise)
    }

    /// Takes all of them, small ones gathered into as few records as hold them, with one promise for all who want to know.
    mutating func take(
        _ allocator: ByteBufferAllocator, _ eventLoop: any EventLoop
    ) -> (texts: [ByteBuffer], promise: EventLoopPromise<Void>?) {
        let taken = writes
        let promise = Self.joined(taken.map(\.promise), eventLoop)
        defer { self = PendingWrites() }
        guard taken.count > 1 else { return (taken.map(\.text), promise) }
        var texts: [ByteBuffer] = []
        var gathered = allocator.buffer(capacity: min(Self.record, bytes))
        for (text, _) in taken {
            if gathered.readableBytes > 0, gathered.readableBytes + text.readableBytes > Self.record {
                texts.append(gathered)
                gathered = allocator.buffer(capacity: Self.record)
            }
            if text.readableBytes >= Self.record {
                texts.append(text)
            } else {
                gathered.writeImmutableBuffer(text)
            }
        }
        if gathered.readableBytes > 0 { texts.append(gathered) }
        return (texts, promise)
    }

    private static func joined(
        _ promises: [EventLoopPromise<Void>?], _ eventLoop: any EventLoop
    ) -> EventLoopPromise<Void>? {
        let wanted = promises.compactMap(\.self)
        guard wanted.count > 1 else { return wanted.first }
        let promise = eventLoop.makePromise(of: Void.self)
        for other in wanted { promise.futureResult.cascade(to: other) }
        return promise
    }
}
