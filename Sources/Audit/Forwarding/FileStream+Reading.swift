// What is read of a file that entries go to: pieces from its end, for it may be long.
import Files
import Foundation

extension FileStream {
    static func end(of descriptor: Int32, _ path: String) throws -> Int64 {
        let end = lseek(descriptor, 0, SEEK_END)
        guard end >= 0 else { throw failure("look into", path) }
        return Int64(end)
    }

    static func isEndOfLine(_ descriptor: Int32, _ path: String, _ size: Int64) throws -> Bool {
        guard size > 0 else { return size == 0 }
        return try endOfLastLine(descriptor, path, size: size, above: size - 1) == size
    }

    /// Where the last whole line of a file ends; `floor` where none does above it.
    static func endOfLastLine(
        _ descriptor: Int32, _ path: String, size: Int64, above floor: Int64 = 0
    ) throws -> Int64 {
        var end = size
        while end > floor {
            let start = max(floor, end - (1 << 16))
            let piece = try bytes(descriptor, path, at: start, count: Int(end - start))
            if let last = piece.lastIndex(of: 0x0A) { return start + Int64(last) + 1 }
            end = start
        }
        return floor
    }

    /// So many bytes from a place on, which must be there.
    static func bytes(_ descriptor: Int32, _ path: String, at offset: Int64, count: Int) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let got: Int
        do throws(SystemError) {
            got = try SystemCall.retrying { pread(descriptor, &buffer, count, off_t(offset)) }
        } catch {
            throw failure("read", path, error)
        }
        guard got == count else { throw failure("read", path, SystemError(EIO)) }
        return buffer
    }

    static func failure(_ action: String, _ path: String, _ error: SystemError = .last) -> ForwardError {
        ForwardError(confirmed: nil, description: "cannot \(action) \(path): \(error)")
    }
}
