// What has been read from the client and not been dealt with: one piece of memory, used again and again.
// File data goes from here to disk and to the digest without another copy.
import Glibc

/// Not for several threads.
final class InputBuffer {
    /// Zeros of the system's: a session that sends little has few of its pages, and clearing them all took a fourteenth of what a
    /// session costs.
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private var head = 0
    private var tail = 0

    /// Large enough that a packet rarely lies across its end, small enough for a cache.
    static let size = 1024 * 1024
    /// Less room than this at the end, and what is left moves to the front.
    private static let leastRoom = 64 * 1024

    init() {
        guard let memory = calloc(Self.size, 1) else { fatalError("no memory for a session's input") }
        bytes = UnsafeMutableBufferPointer(
            start: memory.bindMemory(to: UInt8.self, capacity: Self.size), count: Self.size)
    }

    deinit { free(bytes.baseAddress) }

    func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        body(UnsafeBufferPointer(bytes).span.extracting(head..<tail))
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[head..<tail]))
    }

    /// Takes bytes off the front and makes room at the end.
    func takeOff(_ count: Int) {
        head += count
        if head == tail {
            (head, tail) = (0, 0)
        } else if bytes.count - tail < Self.leastRoom {
            let memory = UnsafeMutableRawBufferPointer(bytes)
            memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[head..<tail]))
            (head, tail) = (0, tail - head)
        }
    }

    /// read(2): the count, 0 at the end, -1 with errno.
    func fill(from descriptor: Int32) -> Int {
        let room = UnsafeMutableRawBufferPointer(bytes)[tail...]
        let count = read(descriptor, UnsafeMutableRawBufferPointer(rebasing: room).baseAddress, room.count)
        tail += max(0, count)
        return count
    }
}
