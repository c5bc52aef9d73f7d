// Room in the write-ahead log's file, so that a commit writes over what is there and does not make the file longer.
import Dispatch
import Glibc

/// A file that has grown is durable only when the filesystem's journal says how long it is: the fdatasync(2) of a commit that appends
/// to it was seen to take 1.4 to 2.6 times as long as that of one that does not (ext4; `Tests/Performance/README.md`). SQLite appends
/// to its log until all of it is in the ledger's file, and only then begins it anew. So the file is made longer ahead of its
/// frames, with zeros, which neither readers nor recovery take for frames (SQLite, "Database File Format", section 4.1: the salts
/// are not the header's).
///
/// It is called on the thread of the ledger's one writer. Should another process write to the log at that moment, zeros still come
/// after its frames: they are appended.
final class LogRoom: Sendable {
    /// Bytes that the file grows by.
    static let step = 1 << 20
    /// It grows when fewer bytes than this are left after the frames: a commit of many senders has about as many.
    static let least = 256 << 10

    private let descriptor: Int32
    /// A part of a step: what an idle gate keeps in memory counts.
    private let zeros = [UInt8](repeating: 0, count: 64 << 10)

    /// - Parameter path: of the log. Where it cannot be opened the log grows with its frames.
    init(path: String) { descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Bytes of a log of so many frames (SQLite, "Database File Format", section 4.1). Pure.
    static func bytes(frames: Int32) -> Int { 32 + Int(frames) * (24 + 4096) }

    /// After a commit: makes room where little is left.
    /// - Parameters:
    ///   - frames: that the log has now.
    ///   - queue: where what was added is made durable, beside the commits. A commit that comes before may wait for it.
    func make(after frames: Int32, syncing queue: DispatchQueue) {
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0,
            Int(status.st_size) - Self.bytes(frames: frames) < Self.least
        else { return }
        for _ in 0..<(Self.step / zeros.count) {
            // A failure is one of the disk, which the next commit meets, too.
            guard write(descriptor, zeros, zeros.count) == zeros.count else { break }
        }
        queue.async { _ = fdatasync(self.descriptor) }
    }
}
