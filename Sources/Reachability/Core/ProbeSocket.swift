// A connected TCP socket that closes itself, with reads and writes that end by a deadline. Blocking: it belongs to
// the one thread of its probe. The descriptor is non-blocking, for libraries that do their own reading.
package import Admission
import Files
import Foundation
import Sockets

package final class ProbeSocket {
    package enum ReadResult {
        case bytes([UInt8])
        /// The other side has closed in good order.
        case end
        case timeout
        /// errno.
        case failed(Int32)
    }

    package enum WriteResult: Equatable {
        case sent
        case timeout
        case failed(Int32)
    }

    package let descriptor: Int32
    package let local: Endpoint?
    package let peer: Endpoint
    /// Whether a PROXY header was sent first.
    package internal(set) var hasSentProxyHeader = false
    /// Bytes that came through `read`.
    package private(set) var received = 0

    /// Takes over a connected, non-blocking descriptor.
    init(taking descriptor: Int32, peer: Endpoint) {
        self.descriptor = descriptor
        self.peer = peer
        local = SocketAddress.local(descriptor)
    }

    deinit { close(descriptor) }

    /// Waits until the socket can be read or written, or has failed (then the next call says how).
    package func wait(_ events: Int32, until deadline: Deadline) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: events), revents: 0)
        return (try? SystemCall.retrying { poll(&watched, 1, deadline.milliseconds) }) != 0
    }

    package func waitReadable(until deadline: Deadline) -> Bool { wait(Int32(POLLIN), until: deadline) }

    package func waitWritable(until deadline: Deadline) -> Bool { wait(Int32(POLLOUT), until: deadline) }

    /// The next bytes, `limit` at most.
    package func read(limit: Int = 16384, until deadline: Deadline) -> ReadResult {
        var buffer = [UInt8](repeating: 0, count: limit)
        while true {
            do throws(SystemError) {
                let count = try SystemCall.retrying { recv(descriptor, &buffer, limit, 0) }
                received += count
                return count == 0 ? .end : .bytes(Array(buffer[..<count]))
            } catch {
                guard error.code == EAGAIN else { return .failed(error.code) }
                if !waitReadable(until: deadline) { return .timeout }
            }
        }
    }

    /// All the bytes.
    package func write(_ bytes: [UInt8], until deadline: Deadline) -> WriteResult {
        var rest = bytes[...]
        while !rest.isEmpty {
            do throws(SystemError) {
                rest = try rest.dropFirst(
                    SystemCall.retrying {
                        rest.withUnsafeBytes {
                            send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                        }
                    })
            } catch {
                guard error.code == EAGAIN else { return .failed(error.code) }
                if !waitWritable(until: deadline) { return .timeout }
            }
        }
        return .sent
    }
}
