// Small files of the gate's own: read whole with a limit, written whole under a temporary name. Links are followed when
// reading: container secrets are mounted as links.
import Glibc
import Staging

enum SmallFile {
    struct Contents: Sendable {
        var bytes: [UInt8]
        /// st_mode.
        var mode: UInt32
    }

    struct Failure: Error {
        let message: String
    }

    static func read(_ path: String, limit: Int) -> Result<Contents, Failure> {
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

extension Directory {
    /// Writes a file (0600) under a temporary name, makes it durable, and moves it to `name`. Without
    /// `replacing` it throws `.exists` when the name is taken. What root writes belongs to the directory's owner and
    /// group, and where that is root itself the group may read it (0640): the gate must be able to.
    func place(_ bytes: [UInt8], as name: String, replacing: Bool) throws(StagingError) {
        let temporary = ".\(name).\(UInt64.random(in: 0 ... .max)).tmp"
        do throws(StagingError) {
            let file = try createFile(temporary)
            try file.write(bytes)
            var status = stat()
            if geteuid() == 0, fstat(descriptor, &status) == 0 {
                _ = fchown(file.descriptor, status.st_uid, status.st_gid)
                if status.st_uid == 0, status.st_gid != 0 { _ = fchmod(file.descriptor, 0o640) }
            }
            try file.sync()
            if replacing {
                try replace(temporary, to: self, as: name)
            } else {
                try move(temporary, to: self, as: name)
            }
            try sync()
        } catch {
            _ = try? remove(temporary)
            throw error
        }
    }
}
