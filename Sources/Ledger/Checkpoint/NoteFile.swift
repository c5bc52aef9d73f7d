// One file of notes, open for reading, a part at a time. What stands in it, `NoteScanner` finds.
import Files
import Foundation

/// A file of notes that is read in order. Whoever waits no longer for it leaves it to the thread that does.
final class NoteFile: Sendable {
    private static let longestRead = 1 << 18

    private let path: String
    private let descriptor: Int32

    /// Throws `LedgerError`.
    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw LedgerError(.unreadable, "checkpoints cannot be read: \(Presence.denial(path, .last))")
        }
    }

    deinit { close(descriptor) }

    /// Goes to where no more than this is left. Returns how much lies before that.
    func skip(toLast bytes: Int64) throws -> Int64 {
        let end = lseek(descriptor, 0, SEEK_END)
        let skipped = max(0, end - off_t(bytes))
        guard end >= 0, lseek(descriptor, skipped, SEEK_SET) >= 0 else { throw failure(.last) }
        return Int64(skipped)
    }

    /// What follows; nothing at the end.
    func next() throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.longestRead)
        let count: Int
        do throws(SystemError) {
            count = try SystemCall.retrying { Foundation.read(descriptor, &bytes, bytes.count) }
        } catch {
            throw failure(error)
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    private func failure(_ error: SystemError) -> LedgerError {
        LedgerError(.unreadable, "cannot read \(path): \(error)")
    }
}
