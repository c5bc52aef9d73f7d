// Whole texts and secrets, read under a bound. It never creates or changes anything.
import Foundation

package enum FileReading {
    /// Who may read a file beside its owner.
    package enum Readers: Sendable {
        case anybody
        /// Root's group and the gate's own (a Kubernetes Secret's).
        case group
        /// What sshd asks of its host keys.
        case nobody
    }

    /// Settings and lists are small; more than this is not one of them.
    package static let maximumText = 4 << 20
    package static let maximumSecret = 64 << 10

    package static func text(_ path: String) throws(FileProblem) -> String {
        let bytes = try bytes(path, limit: maximumText)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FileProblem(message: "\(path) is not UTF-8 text")
        }
        return text
    }

    /// The bytes of a secret file without one trailing newline. Its owner may read the file, and a group as of a key.
    package static func secret(_ path: String) throws(FileProblem) -> [UInt8] {
        var bytes = try bytes(path, limit: maximumSecret, readers: .group)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw FileProblem(message: "\(path) is empty; put the secret in it") }
        return bytes
    }

    /// Fails unless the path is a regular file that this process may read.
    package static func checkReadable(_ path: String, readers: Readers = .anybody) throws(FileProblem) {
        let descriptor = try open(path)
        defer { close(descriptor) }
        try check(descriptor, path, readers)
    }

    private static func open(_ path: String) throws(FileProblem) -> Int32 {
        // O_NONBLOCK: a FIFO at this path must not hang the start.
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .errno("read", path) }
        return descriptor
    }

    /// Fails unless it is a regular file. What only some may read must also be the gate's: whoever can put another key in its
    /// place is the gate.
    private static func check(_ descriptor: Int32, _ path: String, _ readers: Readers) throws(FileProblem) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .errno("read", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileProblem(message: "\(path) is not a regular file")
        }
        guard readers != .anybody else { return }
        if let fault = FileTrust.exposure(FileTrust.Facts(status), readers, .current) {
            throw FileProblem(message: "\(path) \(fault): chmod 600 \(path)")
        }
        do throws(FileProblem) { try FileTrust.check(path) } catch {
            throw FileProblem(message: "\(path): \(error.message)")
        }
    }

    /// All bytes of a regular file that nobody but these may read.
    package static func bytes(
        _ path: String, limit: Int, readers: Readers = .anybody
    ) throws(FileProblem) -> [UInt8] {
        let descriptor = try open(path)
        defer { close(descriptor) }
        try check(descriptor, path, readers)
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, Foundation.errno == EINTR { continue }
            guard count >= 0 else { throw .errno("read", path) }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else {
                throw FileProblem(message: "\(path) is larger than \(sizeText(limit))")
            }
        }
    }

    private static func sizeText(_ bytes: Int) -> String {
        bytes % (1 << 20) == 0 ? "\(bytes >> 20)MiB" : "\(bytes >> 10)KiB"
    }
}
