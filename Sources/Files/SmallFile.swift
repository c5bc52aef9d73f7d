// A file read whole under a limit, whoever may write it. Links are followed: container secrets are mounted as links.
import Glibc

/// An open regular file. Closes itself.
package struct SmallFile: ~Copyable {
    /// Why it cannot be read, worded for after "FILE: ".
    package enum Failure: Error, Sendable, CustomStringConvertible {
        case system(SystemError)
        case notRegular
        case tooLong(limit: Int)

        package var description: String {
            switch self {
            case .system(let error): "cannot read: \(error)"
            case .notRegular: "not a regular file"
            case .tooLong(let limit): "longer than \(limit) bytes"
            }
        }
    }

    private let descriptor: Int32
    let status: stat

    deinit { close(descriptor) }

    package static func open(_ path: String) throws(Failure) -> SmallFile {
        // O_NONBLOCK: a FIFO at this path must not hang the gate.
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .system(.last) }
        var status = stat()
        let isKnown = fstat(descriptor, &status) == 0
        let error = SystemError.last
        let file = SmallFile(descriptor: descriptor, status: status)
        guard isKnown else { throw .system(error) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        return file
    }

    private init(descriptor: Int32, status: stat) {
        self.descriptor = descriptor
        self.status = status
    }

    /// A path that leads to this open file, whatever lies under its name by now (proc_pid_fd(5)).
    var place: String { "/proc/self/fd/\(descriptor)" }

    /// st_mode.
    package var mode: UInt32 { UInt32(status.st_mode) }

    /// Whether it begins with the byte order mark that some editors put in front of UTF-8.
    var beginsWithMark: Bool {
        var bytes = [UInt8](repeating: 0, count: 3)
        return pread(descriptor, &bytes, 3, 0) == 3 && bytes == [0xEF, 0xBB, 0xBF]
    }

    /// - Parameter limit: in bytes.
    package func contents(limit: Int) throws(Failure) -> [UInt8] {
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try SystemCall.contents(of: descriptor, limit: limit)
        } catch {
            throw .system(error)
        }
        guard let bytes else { throw .tooLong(limit: limit) }
        return bytes
    }
}
