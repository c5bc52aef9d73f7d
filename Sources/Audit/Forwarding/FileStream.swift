// Entries to a file for log shippers: whole lines, durable before they count, and followed through a rotation by
// rename (logrotate without copytruncate).
import Admission
import CoreFoundation  // the compiler finds struct stat here in a release build
import Files
import Foundation
import Synchronization

final class FileStream: ForwardStream {
    /// Where the next entry goes: behind the last confirmed one, and behind what others wrote there.
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
    ///     was killed, or before a sync that failed, and is written again; or it is not of these entries, and stays.
    ///   - tell: told, for people, when lines may stand twice, stand there that are none of these entries, or are gone.
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
                if cursor.inode == opened.mark.inode, let known = cursor.size, known > opened.end {
                    tell(Self.cut(path, from: known, to: opened.end, after: cursor.seq))
                }
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
                var left = records[...]
                while !left.isEmpty {
                    let (count, end) = try put(left, &state)
                    guard sync(state.descriptor) == 0 else { throw Self.failure("sync", path) }
                    state.mark.size = end
                    state.confirmed = left.prefix(count).last?.seq ?? state.confirmed
                    left = left.dropFirst(count)
                }
            }
        } catch {
            throw ForwardError(confirmed: state.withLock { $0.confirmed }, description: "\(error)")
        }
    }

    /// Writes records behind the mark: all of them, or the first ones, which stand there already in front of other lines. Returns
    /// how many, and where they end. Nothing is written over but what an earlier write of these very lines left, and a line that
    /// was cut off: another program's lines stay, and so do the gate's own where its state, and not this file, was restored.
    private func put(
        _ records: ArraySlice<ForwardRecord>, _ state: inout State
    ) throws -> (count: Int, end: Int64) {
        var bytes: [UInt8] = []
        for record in records {
            bytes += record.bytes
            bytes.append(0x0A)
        }
        try meetOthers(&state)
        guard state.end > state.mark.size else { return (records.count, try append(bytes, &state)) }
        let known = Int(min(state.end - state.mark.size, Int64(bytes.count)))
        let there = try Self.bytes(state.descriptor, path, at: state.mark.size, count: known)
        // A file reads as NUL where nothing got to the disk. No line of ours has one.
        let same = there.indices.first { there[$0] != bytes[$0] && there[$0] != 0 } ?? known
        guard same < known else { return (records.count, try overwrite(bytes, &state)) }
        // Whole lines that stand there, and where they end.
        var (standing, reach) = (0, 0)
        for record in records {
            let end = reach + record.bytes.count + 1
            guard end <= same else { break }
            (standing, reach) = (standing + 1, end)
        }
        guard standing == 0 else { return (standing, try overwrite(Array(bytes[..<reach]), &state)) }
        try passOver(&state)
        guard state.end > state.mark.size else { return (records.count, try append(bytes, &state)) }
        let end = try overwrite(bytes, &state)
        // What is left is of a line that was cut off.
        if end < state.end, ftruncate(state.descriptor, off_t(end)) != 0 { throw Self.failure("cut", path) }
        state.end = end
        return (records.count, end)
    }

    /// Somebody else may have appended to the file since the last write, or cut it. Where nothing of ours is left to be written again,
    /// entries follow behind what is there now. A line that is not at its end is somebody else's then, and gets an end: it is not taken
    /// away, and no entry becomes a part of it.
    private func meetOthers(_ state: inout State) throws {
        let isConfirmed = state.end == state.mark.size
        let end = try Self.end(of: state.descriptor, path)
        if end < state.mark.size {
            tell(Self.cut(path, from: state.mark.size, to: end, after: state.confirmed))
        }
        if isConfirmed && end != state.mark.size || end < state.mark.size {
            let isWhole = try Self.isEndOfLine(state.descriptor, path, end)
            state.mark.size = isWhole ? end : try append([0x0A], &state)
            state.end = state.mark.size
        } else {
            state.end = end
        }
    }

    private static func cut(_ path: String, from size: Int64, to end: Int64, after seq: Int64?) -> String {
        "\(path) was cut from \(Counted.bytes(size)) to \(end): what it held is not written to it again, and entries from "
            + "\((seq ?? -1) + 1) on follow behind what is left; to rotate it, rename it (logrotate without copytruncate)"
    }

    /// Takes the mark behind whole lines that are not those to be written. The position keeps that also if the write fails, so that
    /// the lines are told of once, and what is tried again goes to the same place.
    private func passOver(_ state: inout State) throws {
        let end = try Self.endOfLastLine(state.descriptor, path, size: state.end, above: state.mark.size)
        guard end > state.mark.size else { return }
        state.mark.size = end
        let next = (state.confirmed ?? -1) + 1
        tell(
            "\(path) holds other lines where entry \(next) was to stand: those of before a restore, or of another program. They "
                + "stay, and entries from \(next) on follow behind them; some may stand in it twice")
    }

    /// Writes where the mark is. What lies there may not be on disk, even where a later sync says that all is well: once one has
    /// failed, Linux takes pages for written that are not, until they are written to again. So the same lines go to the same
    /// place, and who follows the file sees neither a gap nor a line twice. Returns where they end.
    private func overwrite(_ bytes: [UInt8], _ state: inout State) throws -> Int64 {
        let descriptor = state.descriptor
        // For as long as a file is open for appending, pwrite(2) appends, too.
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags & ~O_APPEND) == 0 else {
            let error = SystemError.last
            guard error.code == EPERM, try Self.isEndOfLine(descriptor, path, state.end)
            else { throw Self.failure("write again in", path, error) }
            let end = try append(bytes, &state)
            tell(
                "\(path) may only be appended to (chattr +a), and what was written to it last was not on disk for certain: "
                    + "entries from \((state.confirmed ?? -1) + 1) on may stand in it twice")
            return end
        }
        defer { _ = fcntl(descriptor, F_SETFL, flags) }
        do throws(SystemError) {
            try SystemCall.write(bytes, to: descriptor, at: state.mark.size)
        } catch {
            throw Self.failure("write", path, error)
        }
        let end = state.mark.size + Int64(bytes.count)
        state.end = max(state.end, end)
        return end
    }

    /// Returns where the bytes end.
    private func append(_ bytes: [UInt8], _ state: inout State) throws -> Int64 {
        do throws(SystemError) { try SystemCall.write(bytes, to: state.descriptor) } catch {
            throw Self.failure("write", path, error)
        }
        // Where it really was: somebody else may have appended to the file before.
        let end = lseek(state.descriptor, 0, SEEK_CUR)
        guard end >= 0 else { throw Self.failure("look into", path) }
        state.end = Int64(end)
        return state.end
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
}
