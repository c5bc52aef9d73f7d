// Writes a file whole: a reader sees the old bytes or the new ones, after a crash too. It keeps the old mode.
import Foundation

package enum FileReplacement {
    /// Replaces or creates `path` with `bytes`. A new file gets `mode` (as of chmod(2)), and by root the owner of its directory; an old one
    /// keeps its own mode and owner.
    package static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o644) throws {
        // The file behind a symbolic link is replaced, not the link.
        let target = FileManager.default.fileExists(atPath: path) ? realPath(path) : path
        let temporary = "\(target).\(getpid()).new"
        var old = stat()
        let exists = stat(target, &old) == 0
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let isDenied = errno == EACCES
            let problem = FileProblem.errno("write", target)
            guard isDenied else { throw problem }
            throw FileProblem(
                message:
                    "\(problem); run this as the owner of \(Paths.directory(of: target)), with sudo as a rule"
            )
        }
        do {
            defer { close(descriptor) }
            try writeAll(bytes, descriptor, temporary)
            if !exists { _ = stat(Paths.directory(of: target), &old) }
            if geteuid() == 0 { _ = fchown(descriptor, old.st_uid, old.st_gid) }
            guard fchmod(descriptor, exists ? old.st_mode & 0o7777 : mode) == 0, fsync(descriptor) == 0 else {
                throw FileProblem.errno("write", temporary)
            }
            guard rename(temporary, target) == 0 else { throw FileProblem.errno("replace", target) }
        } catch {
            unlink(temporary)
            throw error
        }
        let directory = open(Paths.directory(of: target), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        defer { close(directory) }
        fsync(directory)
    }

    private static func realPath(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    private static func writeAll(_ bytes: [UInt8], _ descriptor: Int32, _ path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileProblem.errno("write", path) }
            rest = rest.dropFirst(count)
        }
    }
}
