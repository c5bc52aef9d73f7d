// What has been read from the client and not been dealt with: one piece of memory, used again and again.
// File data goes from here to disk and to the digest without another copy.
import Glibc

/// Not for several threads.
final class InputBuffer {
    private var bytes = [UInt8](repeating: 0, count: first)
    private var head = 0
    private var tail = 0
    /// The last read brought as much as there was room for.
    private var wasFilled = false

    /// Bytes that it grows to. Large enough that a packet rarely lies across its end, small enough for a cache.
    static let size = 1024 * 1024
    /// Bytes that it begins with. Most sessions send less; to clear all of `size` took a fourteenth of what such a session costs.
    static let first = 64 * 1024
    /// Less room than this at the end, and what is left moves to the front.
    private static let leastRoom = 64 * 1024

    /// Bytes that it has now.
    var capacity: Int { bytes.count }

    func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { body($0.span.extracting(head..<tail)) }
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[head..<tail])) }
    }

    /// Takes bytes off the front and makes room at the end.
    func takeOff(_ count: Int) {
        head += count
        if head == tail {
            (head, tail) = (0, 0)
        } else if bytes.count - tail < Self.leastRoom {
            bytes.withUnsafeMutableBytes { memory in
                memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[head..<tail]))
            }
            (head, tail) = (0, tail - head)
        }
    }

    /// read(2): the count, 0 at the end, -1 with errno.
    func fill(from descriptor: Int32) -> Int {
        if wasFilled || bytes.count - tail < Self.leastRoom { grow() }
        let room = bytes.count - tail
        let count = bytes.withUnsafeMutableBytes { memory in
            read(descriptor, UnsafeMutableRawBufferPointer(rebasing: memory[tail...]).baseAddress, room)
        }
        tail += max(0, count)
        wasFilled = count == room
        return count
    }

    private func grow() {
        let more = min(bytes.count, Self.size - bytes.count)
        bytes.append(contentsOf: repeatElement(0, count: more))
    }
}
