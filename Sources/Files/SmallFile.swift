// A file read whole under a limit, whoever may write it, with its mode. Links are followed: container secrets are mounted as
// links.
import Glibc

package enum SmallFile {
    package struct Contents: Sendable {
        package var bytes: [UInt8]
        /// st_mode.
        package var mode: UInt32
    }

    package struct Failure: Error {
        package let message: String
    }

    package static func read(_ path: String, limit: Int) -> Result<Contents, Failure> {
        func failure() -> Result<Contents, Failure> {
            .failure(Failure(message: "cannot read: \(String(cString: strerror(errno)))"))
        }
        // O_NONBLOCK: a FIFO at this path must not hang the gate.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return failure() }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return failure() }
        guard status.st_mode & S_IFMT == S_IFREG else {
            return .failure(Failure(message: "not a regular file"))
        }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return failure() }
            guard count > 0 else { break }
            filled += count
        }
        guard filled <= limit else { return .failure(Failure(message: "longer than \(limit) bytes")) }
        bytes.removeLast(bytes.count - filled)
        return .success(Contents(bytes: bytes, mode: UInt32(status.st_mode)))
    }
}
