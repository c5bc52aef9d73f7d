// Entries to a file for log shippers: whole lines, durable before they count, and followed through a rotation by
// rename (logrotate without copytruncate).
import CoreFoundation  // the compiler finds struct stat here in a release build
import Files
import Foundation
import Synchronization

final class FileStream: ForwardStream {
    /// Where the file ended after the last confirmed entry.
    struct Mark: Sendable, Equatable {
        var inode: Int64
        var size: Int64
    }

    private struct State {
        var descriptor: Int32
        var mark: Mark
        var confirmed: Int64?
    }

    private let path: String
    private let state: Mutex<State>

    /// Opens or makes the file, 0600. A line that a crash cut is taken away.
    /// - Parameter cursor: what was confirmed; whole lines that lie behind it in the same file are counted, one an
    ///   entry, so that a crash between file and cursor neither loses nor repeats one.
    init(path: String, cursor: ForwardCursor) throws {
        self.path = path
        var opened = try Self.open(path)
        do {
            try Self.goOn(&opened, path, cursor)
        } catch {
            // Nobody else closes it, and this is tried again and again.
            Foundation.close(opened.descriptor)
            throw error
        }
        state = Mutex(opened)
    }

    private static func goOn(_ opened: inout State, _ path: String, _ cursor: ForwardCursor) throws {
        let size = opened.mark.size
        var confirmed = cursor.seq
        if cursor.inode == opened.mark.inode, let known = cursor.size, known <= size {
            let lines = try wholeLines(opened.descriptor, path, from: known, to: size)
            // They were written, and perhaps not synced: by a gate that was killed in between.
            if lines.count > 0, fdatasync(opened.descriptor) != 0 { throw failure("sync", path) }
            confirmed += lines.count
            opened.mark.size = lines.end
        } else {
            opened.mark.size = try wholeLines(opened.descriptor, path, from: 0, to: size).end
        }
        // Not of a file that is whole: where it may only be appended to (chattr +a), that fails.
        if opened.mark.size < size, ftruncate(opened.descriptor, off_t(opened.mark.size)) != 0 {
            throw failure("cut", path)
        }
        opened.confirmed = confirmed
    }

    deinit { state.withLock { _ = Foundation.close($0.descriptor) } }

    var mark: Mark { state.withLock { $0.mark } }
    var hasRoom: Bool { true }

    /// Follows a rotation. After it the position names the new file: a crash behind the first lines there would
    /// otherwise repeat them.
    func prepare() throws { try state.withLock { try follow(&$0) } }

    func send(_ records: [ForwardRecord]) async throws {
        do {
            try state.withLock { state in
                var bytes: [UInt8] = []
                for record in records { bytes += record.bytes + [0x0A] }
                do throws(SystemError) { try SystemCall.write(bytes, to: state.descriptor) } catch {
                    throw Self.failure("write", path, error)
                }
                guard fdatasync(state.descriptor) == 0 else { throw Self.failure("sync", path) }
                state.mark.size += Int64(bytes.count)
                state.confirmed = records.last?.seq ?? state.confirmed
            }
        } catch {
            throw ForwardError(confirmed: state.withLock { $0.confirmed }, description: "\(error)")
        }
    }

    func confirmed() async throws -> Int64? { state.withLock { $0.confirmed } }

    func close() async {}

    /// To the new file once the old one was renamed or removed.
    private func follow(_ state: inout State) throws {
        var status = stat()
        if stat(path, &status) == 0, Int64(status.st_ino) == state.mark.inode { return }
        let next = try Self.open(path)
        Foundation.close(state.descriptor)
        state.descriptor = next.descriptor
        state.mark = next.mark
    }

    private static func open(_ path: String) throws -> State {
        let descriptor = Foundation.open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = SystemError.last
            Foundation.close(descriptor)
            throw failure("open", path, error)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            Foundation.close(descriptor)
            throw ForwardError(confirmed: nil, description: "\(path) is not a regular file")
        }
        return State(
            descriptor: descriptor, mark: Mark(inode: Int64(status.st_ino), size: Int64(status.st_size)),
            confirmed: nil)
    }

    /// How many whole lines lie in a part of the file, and where the last one ends.
    private static func wholeLines(_ descriptor: Int32, _ path: String, from start: Int64, to end: Int64)
        throws
        -> (count: Int64, end: Int64)
    {
        var (count, lastEnd, at) = (Int64(0), start, start)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while at < end {
            let got: Int
            do throws(SystemError) {
                got = try SystemCall.retrying { pread(descriptor, &buffer, buffer.count, off_t(at)) }
            } catch {
                throw failure("read", path, error)
            }
            guard got > 0 else { throw failure("read", path, SystemError(EIO)) }
            for index in 0..<got where buffer[index] == 0x0A {
                count += 1
                lastEnd = at + Int64(index) + 1
            }
            at += Int64(got)
        }
        return (count, lastEnd)
    }

    private static func failure(
        _ action: String, _ path: String, _ error: SystemError = .last
    ) -> ForwardError {
        ForwardError(confirmed: nil, description: "cannot \(action) \(path): \(error)")
    }
}
