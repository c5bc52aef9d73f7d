// A caller's connection: what blocks on it and what does not.
@preconcurrency import Dispatch
import Files
import Glibc
import Synchronization

final class LocalConnection: Sendable {
    /// Non-blocking.
    let descriptor: Int32
    /// Lines of several tasks do not mix.
    private let sending = Mutex(())
    private let sendTimeout: Int32
    /// One queue for all connections, with a thread of its own: those of the system's queues may all be busy.
    private static let readable = DispatchQueue(label: "dropgate.local")

    /// Owns the descriptor.
    /// - Parameter sendTimeout: milliseconds that the caller may take nothing of what is sent.
    init(_ descriptor: Int32, sendTimeout: Int32 = 5000) {
        self.descriptor = descriptor
        self.sendTimeout = sendTimeout
    }

    deinit { close(descriptor) }

    /// Nothing is read or written any more.
    func hangUp() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Whether what is sent can still arrive: neither end has closed the connection or hung up.
    var isOpen: Bool { !SystemCall.hasEnded(descriptor) }

    /// What has arrived; empty at the end; nil: nothing yet.
    func receive() throws(SystemError) -> [UInt8]? {
        // As much as a line of most kinds.
        var bytes = [UInt8](repeating: 0, count: 8192)
        do throws(SystemError) {
            let count = try SystemCall.retrying { recv(descriptor, &bytes, bytes.count, 0) }
            return Array(bytes[..<count])
        } catch {
            guard error.code == EAGAIN else { throw error }
            return nil
        }
    }

    /// Sends all of it. After a failure some may have arrived, and nothing more follows.
    func send(_ line: [UInt8]) throws(SystemError) {
        do throws(SystemError) {
            try sending.withLock { _ throws(SystemError) in
                var rest = line[...]
                while !rest.isEmpty {
                    let count = rest.withUnsafeBytes {
                        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    if count > 0 {
                        rest = rest.dropFirst(count)
                    } else if errno == EAGAIN {
                        guard wait(for: POLLOUT, sendTimeout) else { throw SystemError(ETIMEDOUT) }
                    } else if errno != EINTR {
                        throw .last
                    }
                }
            }
        } catch {
            hangUp()
            throw error
        }
    }

    /// Blocks until poll(2) tells of an event, of an error or of the end, which it does unasked. Returns whether it did.
    func wait(for events: Int32, _ milliseconds: Int32) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        return poll(&watched, 1, milliseconds) > 0
    }

    /// Returns when something can be read, at the end, or when the task is cancelled.
    func isReadable() async {
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: Self.readable)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Only then is the descriptor not looked at any more.
                source.setCancelHandler { continuation.resume() }
                source.setEventHandler { source.cancel() }
                source.activate()
            }
        } onCancel: {
            source.cancel()
        }
    }
}
