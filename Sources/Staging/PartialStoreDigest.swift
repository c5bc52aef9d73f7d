// The SHA-256 of an upload while it arrives: in order from memory, the rest read back from the file once.
// It hashes; it does not know which bytes have arrived.
import Glibc
import TLS

struct PartialDigest: ~Copyable {
    private var hash = SHA256()
    /// Everything below has been hashed.
    private(set) var position: Int64 = 0
    /// Hashed bytes were written again: no more work until the upload is whole.
    private(set) var deferred = false

    /// Pieces of memory have been written at `offset`.
    mutating func wrote(_ base: UnsafeRawBufferPointer, _ pieces: [Range<Int>], at offset: Int64) {
        guard offset == position, !deferred else {
            if offset < position { restart() }
            return
        }
        for piece in pieces {
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: base[piece]))
            position += Int64(piece.count)
        }
    }

    mutating func cut(to size: Int64) {
        if size < position { restart() }
    }

    /// Reads on from the file until `end`.
    mutating func catchUp(to end: Int64, _ file: OpenFile) throws(StagingError) {
        guard position < end else { return }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 64)
        defer { buffer.deallocate() }
        while position < end {
            let wanted = min(buffer.count, Int(end - position))
            let count = try file.read(
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
            guard count > 0 else { throw StagingError(errno: EIO, "cannot read back \(file.path)") }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            position += Int64(count)
        }
    }

    /// Lowercase hex of everything up to `position`.
    func hex() -> String { hash.digestSoFar().hex }

    private mutating func restart() {
        hash = SHA256()
        position = 0
        deferred = true
    }
}
