// What a session reads: it grows with what comes, loses nothing and keeps the order.
import Glibc
import Testing

@testable import SFTPSession

@Suite struct InputBufferTests {
    /// F_SETPIPE_SZ (fcntl(2)).
    private static let setPipeSize: Int32 = 1031

    @Test func itGrowsToItsSizeForWhoSendsMuchAndNotForWhoSendsLittle() throws {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        defer { for end in ends { close(end) } }
        _ = fcntl(ends[1], Self.setPipeSize, Int32(InputBuffer.size))
        let buffer = InputBuffer()
        func send(_ count: Int, _ byte: UInt8) {
            #expect(write(ends[1], [UInt8](repeating: byte, count: count), count) == count)
        }
        for _ in 0..<100 {
            send(5000, 1)
            #expect(buffer.fill(from: ends[0]) == 5000)
            buffer.takeOff(5000)
        }
        #expect(buffer.capacity == InputBuffer.first)
        var reads = 0
        for round in 0..<8 {
            send(InputBuffer.size, UInt8(round))
            var left = InputBuffer.size
            while left > 0 {
                let count = buffer.fill(from: ends[0])
                buffer.withSpan { span in
                    #expect(span.count == count && span[0] == UInt8(round) && span[count - 1] == UInt8(round))
                }
                buffer.takeOff(count)
                left -= count
                reads += 1
            }
        }
        #expect(buffer.capacity == InputBuffer.size && reads < 8 + 6)
    }

    @Test func whatIsNotTakenOffStaysInItsOrderWhileItGrows() {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        defer { for end in ends { close(end) } }
        _ = fcntl(ends[1], Self.setPipeSize, Int32(InputBuffer.size))
        let buffer = InputBuffer()
        let sent = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ ($0 >> 8)) }
        #expect(write(ends[1], sent, sent.count) == sent.count)
        var (read, taken) = (0, 0)
        while read < sent.count {
            read += buffer.fill(from: ends[0])
            let off = min(1001, read - taken)
            buffer.withUnsafeBytes { #expect($0.elementsEqual(sent[taken..<read])) }
            buffer.takeOff(off)
            taken += off
        }
        buffer.withUnsafeBytes { #expect($0.elementsEqual(sent[taken...])) }
    }
}
