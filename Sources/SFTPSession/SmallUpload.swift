// An upload that is still small: its bytes stay in the session until it is whole, and go to the daemon with its commit. It
// becomes a file (`SessionStore.file(of:)`) as soon as it is more than that: large, interrupted, or waiting for its final name.
import Staging

/// Not for several threads.
final class SmallUpload {
    let drop: String
    var path: String
    let modified: Int64?
    private(set) var bytes: [UInt8] = []
    /// Whether every write followed the one before, so that the length tells what has arrived.
    var isSequential = true

    init(drop: String, path: String, modified: Int64?) {
        self.drop = drop
        self.path = path
        self.modified = modified
    }

    /// By how many bytes it grows with a write that ends there.
    func growth(to end: Int64) -> Int64 { max(0, end - Int64(bytes.count)) }

    /// Writes pieces of memory one after the other from `offset` on.
    func write(_ base: UnsafeRawBufferPointer, _ pieces: [Range<Int>], at offset: Int64) {
        var position = Int(offset)
        grow(to: position)
        for piece in pieces {
            let end = position + piece.count
            bytes.replaceSubrange(position..<min(end, bytes.count), with: base[piece])
            position = end
        }
    }

    /// Sets the length. Longer: the new bytes count as not written.
    func resize(to size: Int64) {
        if size > bytes.count { isSequential = false }
        grow(to: Int(size))
        bytes.removeLast(bytes.count - Int(size))
    }

    private func grow(to size: Int) {
        if size > bytes.count { bytes.append(contentsOf: repeatElement(0, count: size - bytes.count)) }
    }
}
