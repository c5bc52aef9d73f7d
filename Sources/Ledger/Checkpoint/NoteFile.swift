// One file of notes, open for reading, a part at a time. What stands in it, `NoteScanner` finds.
import Files
import Foundation

/// A file of notes that is read in order. Whoever waits no longer for it leaves it to the thread that does.
final class NoteFile: Sendable {
    private static let longestRead = 1 << 18

    private let path: String
    private let descriptor: Int32

    /// Throws `LedgerError`, also where something else than a file lies there.
    init(_ path: String) throws {
        self.path = path
        descriptor = try Self.open(path, O_RDONLY) {
            LedgerError(CheckpointFile.unreadable, reading: path, $0)
        }
    }

    /// Opens a file of notes. Never waits for whoever may open the other end of a pipe, and opens no device and no directory.
    /// - Parameter failure: what to throw of an error of open(2).
    static func open(
        _ path: String, _ flags: Int32, failure: (SystemError) -> LedgerError
    ) throws(LedgerError) -> Int32 {
        let descriptor = Foundation.open(path, flags | O_NONBLOCK | O_CLOEXEC, 0o600)
        let error = SystemError.last
        if let what = Presence.otherThanFile(path) {
            if descriptor >= 0 { Foundation.close(descriptor) }
            throw LedgerError(
                .unwritable, "\(path) is \(what), and has to be a file to which checkpoints are appended",
                fix: "put a file in its place, or name another place")
        }
        guard descriptor >= 0 else { throw failure(error) }
        return descriptor
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
