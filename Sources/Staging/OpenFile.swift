// An open regular file of staging and what stat(2) says of a name.
import Files
import Glibc

/// What `fstatat` says of a name.
package struct FileStatus: Sendable, Hashable {
    package var bytes: Int64
    package var isRegular: Bool
    package var isDirectory: Bool
    /// Seconds since the epoch.
    package var modified: Int64
    /// It belongs to this process's user, under no other name beside this one if it is a file.
    var isOwn: Bool

    init(_ status: stat) {
        bytes = Int64(status.st_size)
        isRegular = status.st_mode & S_IFMT == S_IFREG
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
        modified = Int64(status.st_mtim.tv_sec)
        isOwn = status.st_uid == geteuid() && (isDirectory || status.st_nlink == 1)
    }
}

/// An open file. Closes itself.
package final class OpenFile: ReleasedFile {
    package let descriptor: Int32
    /// For messages only.
    package let path: String

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    package func status() throws(StagingError) -> FileStatus {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw StagingError(errno: errno, "cannot look at \(path)")
        }
        return FileStatus(status)
    }

    package func size() throws(StagingError) -> Int64 { try status().bytes }

    /// Writes all bytes at the current position.
    package func write(_ bytes: [UInt8]) throws(StagingError) {
        do throws(SystemError) { try SystemCall.write(bytes, to: descriptor) } catch {
            throw StagingError(errno: error.code, "cannot write \(path)")
        }
    }

    /// Calls `body` with the file's bytes, piece by piece (at most 1 MiB each), from its start.
    /// - Parameter limit: what comes after so many bytes is not read.
    package func forEachPiece(
        limit: Int64, _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(StagingError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var offset: Int64 = 0
        while offset < limit {
            let room = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<Int(min(limit - offset, Int64(buffer.count)))])
            let count = try read(into: room, at: offset)
            if count == 0 { return }
            body(UnsafeRawBufferPointer(rebasing: room[..<count]))
            offset += Int64(count)
        }
    }

    /// As many bytes from `offset` on as there are and fit; 0 at the end.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StagingError)
        -> Int
    {
        do throws(SystemError) {
            return try SystemCall.retrying {
                pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            }
        } catch {
            throw StagingError(errno: error.code, "cannot read \(path)")
        }
    }

    /// The whole file. Throws `.failed` when it is longer than `limit` bytes.
    package func contents(limit: Int) throws(StagingError) -> [UInt8] {
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try SystemCall.contents(of: descriptor, limit: limit)
        } catch {
            throw StagingError(errno: error.code, "cannot read \(path)")
        }
        guard let bytes else { throw StagingError(.failed, "\(path) is longer than \(limit) bytes") }
        return bytes
    }

    package func sync() throws(StagingError) {
        guard fsync(descriptor) == 0 else { throw StagingError(errno: errno, "cannot fsync \(path)") }
    }
}
