// An open regular file of staging and what stat(2) says of a name.
import Glibc

/// What `fstatat` says of a name.
package struct FileStatus: Sendable, Hashable {
    package var bytes: Int64
    package var isRegular: Bool
    package var isDirectory: Bool
    /// Seconds since the epoch.
    package var modified: Int64

    init(_ status: stat) {
        bytes = Int64(status.st_size)
        isRegular = status.st_mode & S_IFMT == S_IFREG
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
        modified = Int64(status.st_mtim.tv_sec)
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
        var offset = 0
        while offset < bytes.count {
            let written = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + offset, $0.count - offset)
            }
            if written < 0 {
                if errno == EINTR { continue }
                throw StagingError(errno: errno, "cannot write \(path)")
            }
            offset += written
        }
    }

    /// Calls `body` with the file's bytes, piece by piece (at most 1 MiB each), from its start.
    package func forEachPiece(_ body: (UnsafeRawBufferPointer) -> Void) throws(StagingError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var offset: Int64 = 0
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count == 0 { return }
            if count < 0 {
                if errno == EINTR { continue }
                throw StagingError(errno: errno, "cannot read \(path)")
            }
            body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            offset += Int64(count)
        }
    }

    /// The whole file. Throws `.failed` when it is longer than `limit` bytes.
    package func contents(limit: Int) throws(StagingError) -> [UInt8] {
        guard try status().bytes <= Int64(limit) else {
            throw StagingError(.failed, "\(path) is longer than \(limit) bytes")
        }
        var bytes: [UInt8] = []
        try forEachPiece { bytes.append(contentsOf: $0) }
        return bytes
    }

    package func sync() throws(StagingError) {
        guard fsync(descriptor) == 0 else { throw StagingError(errno: errno, "cannot fsync \(path)") }
    }
}
