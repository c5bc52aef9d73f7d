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
        /// Where the file ends. What lies behind the mark is not known to be on disk.
        var end: Int64
        var confirmed: Int64?
    }

    /// As fdatasync(2).
    typealias Sync = @Sendable (_ descriptor: Int32) -> Int32

    private let path: String
    private let sync: Sync
    private let tell: @Sendable (String) -> Void
    private let state: Mutex<State>

    /// Opens or makes the file, 0600.
    /// - Parameters:
    ///   - cursor: what was confirmed. What lies behind its size in the same file does not count: it was written by a gate that
    ///     was killed, or before a sync that failed, and is written again.
    ///   - tell: told, for people, when lines have to stand twice.
    init(
        path: String, cursor: ForwardCursor, sync: @escaping Sync = { fdatasync($0) },
        tell: @escaping @Sendable (String) -> Void
    ) throws {
        self.path = path
        self.sync = sync
        self.tell = tell
        var opened = try Self.open(path)
        do {
            if cursor.inode == opened.mark.inode, let known = cursor.size, known <= opened.end,
                try Self.isEndOfLine(opened.descriptor, path, known)
            {
                opened.mark.size = known
            } else {
                // A line that was cut off is none of ours, and none at all.
                opened.mark.size = try Self.endOfLastLine(opened.descriptor, path, size: opened.end)
            }
        } catch {
            // Nobody else closes it, and this is tried again and again.
            Foundation.close(opened.descriptor)
            throw error
        }
        opened.confirmed = cursor.seq
        state = Mutex(opened)
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
                try put(bytes, &state)
                guard sync(state.descriptor) == 0 else { throw Self.failure("sync", path) }
                state.mark.size = state.end
                state.confirmed = records.last?.seq ?? state.confirmed
            }
        } catch {
            throw ForwardError(confirmed: state.withLock { $0.confirmed }, description: "\(error)")
        }
    }

    /// Writes behind the mark. What lies there may not be on disk, even where a later sync says that all is well: once one has
    /// failed, Linux takes pages for written that are not, until they are written to again. So the same lines go to the same
    /// place, and who follows the file sees neither a gap nor a line twice.
    private func put(_ bytes: [UInt8], _ state: inout State) throws {
        let descriptor = state.descriptor
        guard state.end > state.mark.size else { return try append(bytes, &state) }
        // For as long as a file is open for appending, pwrite(2) appends, too.
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags & ~O_APPEND) == 0 else {
            let error = SystemError.last
            guard error.code == EPERM, try Self.endOfLastLine(descriptor, path, size: state.end) == state.end
            else { throw Self.failure("write again in", path, error) }
            try append(bytes, &state)
            return tell(
                "\(path) may only be appended to (chattr +a), and what was written to it last was not on disk for certain: "
                    + "entries from \((state.confirmed ?? -1) + 1) on may stand in it twice")
        }
        defer { _ = fcntl(descriptor, F_SETFL, flags) }
        do throws(SystemError) {
            try SystemCall.write(bytes, to: descriptor, at: state.mark.size)
        } catch {
            throw Self.failure("write", path, error)
        }
        let end = state.mark.size + Int64(bytes.count)
        // What is left is a line that was cut off, or other lines than ours.
        if end < state.end, ftruncate(descriptor, off_t(end)) != 0 { throw Self.failure("cut", path) }
        state.end = end
    }

    private func append(_ bytes: [UInt8], _ state: inout State) throws {
        do throws(SystemError) { try SystemCall.write(bytes, to: state.descriptor) } catch {
            throw Self.failure("write", path, error)
        }
        // Where it really was: somebody else may have appended to the file before.
        let end = lseek(state.descriptor, 0, SEEK_CUR)
        guard end >= 0 else { throw Self.failure("look into", path) }
        state.end = Int64(end)
    }

    func confirmed() async throws -> Int64? { state.withLock { $0.confirmed } }

    func close() async {}

    /// To the new file once the old one was renamed or removed.
    private func follow(_ state: inout State) throws {
        var status = stat()
        if stat(path, &status) == 0, Int64(status.st_ino) == state.mark.inode { return }
        let next = try Self.open(path)
        if state.end > state.mark.size {
            tell(
                "\(path) was renamed while its last lines were not on disk for certain: entries from "
                    + "\((state.confirmed ?? -1) + 1) on may stand in both files")
        }
        Foundation.close(state.descriptor)
        state.descriptor = next.descriptor
        state.mark = next.mark
        state.end = next.end
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
        let size = Int64(status.st_size)
        return State(
            descriptor: descriptor, mark: Mark(inode: Int64(status.st_ino), size: size), end: size,
            confirmed: nil)
    }

    private static func isEndOfLine(_ descriptor: Int32, _ path: String, _ size: Int64) throws -> Bool {
        guard size > 0 else { return size == 0 }
        return try endOfLastLine(descriptor, path, size: size) == size
    }

    /// Where the last whole line of a file ends.
    private static func endOfLastLine(_ descriptor: Int32, _ path: String, size: Int64) throws -> Int64 {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var end = size
        while end > 0 {
            let start = max(0, end - Int64(buffer.count))
            let count = Int(end - start)
            let got: Int
            do throws(SystemError) {
                got = try SystemCall.retrying { pread(descriptor, &buffer, count, off_t(start)) }
            } catch {
                throw failure("read", path, error)
            }
            guard got == count else { throw failure("read", path, SystemError(EIO)) }
            if let last = buffer[..<count].lastIndex(of: 0x0A) { return start + Int64(last) + 1 }
            end = start
        }
        return 0
    }

    private static func failure(
        _ action: String, _ path: String, _ error: SystemError = .last
    ) -> ForwardError {
        ForwardError(confirmed: nil, description: "cannot \(action) \(path): \(error)")
    }
}
