// One file of notes, open for reading, a part at a time. What stands in it, `NoteScanner` finds.
import Files
import Foundation

/// A file of notes that is read in order. Whoever waits no longer for it leaves it to the thread that does.
final class NoteFile: Sendable {
    private static let longestRead = 1 << 18

    private let path: String
    private let descriptor: Int32

    /// Throws `LedgerError`.
    /// - Parameter code: of the error where something else than a file lies there.
    init(_ path: String, otherwise code: LedgerError.Code = .unreadable) throws {
        self.path = path
        descriptor = try Self.open(path, O_RDONLY, otherwise: code) {
            LedgerError(CheckpointFile.unreadable, reading: path, $0)
        }
    }

    /// Opens a file of notes, without waiting for whoever may open the other end of a pipe.
    /// - Parameters:
    ///   - code: as of `init`.
    ///   - failure: what to throw of another error of open(2).
    static func open(
        _ path: String, _ flags: Int32, otherwise code: LedgerError.Code,
        failure: (SystemError) -> LedgerError
    ) throws(LedgerError) -> Int32 {
        let descriptor = Foundation.open(path, flags | O_NONBLOCK | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let error = SystemError.last
            // A directory and a socket cannot be opened for writing.
            if let what = Presence.otherThanFile(path) { throw noFile(path, what, code) }
            throw failure(error)
        }
        if let what = Presence.otherThanFile(descriptor) {
            Foundation.close(descriptor)
            throw noFile(path, what, code)
        }
        return descriptor
    }

    /// - Parameter what: lies in its place: "a directory".
    private static func noFile(_ path: String, _ what: String, _ code: LedgerError.Code) -> LedgerError {
        LedgerError(
            code, "\(path) is \(what), and has to be a file to which checkpoints are appended",
            fix: "put a file in its place, or name another place")
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
