// A file that is being fetched: it keeps what came before an interruption, and knows the digest of all it holds.
import CShims
import Files
import Glibc
import Staging
import TLS

final class FetchedPart {
    private let descriptor: Int32
    private let path: String
    private var hash = SHA256()
    private(set) var size: Int64 = 0

    /// Opens or makes it, and reads what it holds already.
    init(in directory: Directory, name: String) throws(StagingError) {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        path = "\(directory.path)/\(name)"
        guard Directory.isComponent(name) else { throw StagingError(.badPath, "no file name: \(path)") }
        descriptor = dropgate_openat(directory.descriptor, name, flags, 0o600)
        guard descriptor >= 0 else { throw StagingError(errno: errno, "cannot open \(path)") }
        var hash = SHA256()
        var size: Int64 = 0
        try directory.openFile(name).forEachPiece { piece in
            hash.update(bufferPointer: piece)
            size += Int64(piece.count)
        }
        self.hash = hash
        self.size = size
        guard lseek(descriptor, off_t(size), SEEK_SET) >= 0 else {
            throw StagingError(errno: errno, "cannot write \(path)")
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func append(_ bytes: [UInt8]) throws(StagingError) {
        do throws(SystemError) { try SystemCall.write(bytes, to: descriptor) } catch {
            throw StagingError(errno: error.code, "cannot write \(path)")
        }
        hash.update(data: bytes)
        size += Int64(bytes.count)
    }

    /// Forgets all that it holds.
    func restart() throws(StagingError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) >= 0 else {
            throw StagingError(errno: errno, "cannot empty \(path)")
        }
        hash = SHA256()
        size = 0
    }

    /// Lower-case hexadecimal, of all that it holds.
    var sha256: String {
        hash.digestSoFar().hex
    }
}
