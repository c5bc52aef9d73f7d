// Segment files: canonical entries one a line, gzip (RFC 1952) in members (`SegmentMember`), so that `zcat` reads them. JSON has no raw
// newline.
import CShims
import Files
import Foundation
import TLS

enum SegmentFile {
    /// Writes lines to a new file, 0600 (0640 with readers), durable under its name when it returns. What was there is replaced.
    /// - Returns: SHA-256 and size of the file.
    static func write(
        _ name: String, in directory: String, readers: AccessGroup? = nil,
        lines: (_ line: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    )
        throws -> (sha256: [UInt8], bytes: Int64)
    {
        if mkdir(directory, 0o700) == 0 {
            try? readers?.admit(directory: directory)
        } else if errno != EEXIST {
            throw failure("make", directory)
        }
        // Also where an earlier try has made it: that may have ended here.
        do throws(SystemError) { try FileReplacement.syncName(of: directory) } catch {
            throw failure("sync", Paths.directory(of: directory), error)
        }
        let folder = try open(directory)
        defer { close(folder) }
        let (temporary, path) = ("\(directory)/.\(name).new", "\(directory)/\(name)")
        try FileReplacement.install(name, in: folder, temporary: ".\(name).new") {
            (descriptor) throws(any Error) in
            readers?.admit(descriptor)
            try compress(lines, into: descriptor, temporary)
        } failed: { step, error in
            switch step {
            case .create, .sync: failure("write", temporary, error)
            case .rename: failure("name", path, error)
            case .syncDirectory: failure("sync", directory, error)
            }
        }
        return try digest(path)
    }

    private static func compress(
        _ lines: (_ line: (UnsafeRawBufferPointer) throws -> Void) throws -> Void, into descriptor: Int32,
        _ path: String
    ) throws {
        var (text, count): ([UInt8], Int) = ([], 0)
        func flush() throws {
            guard let member = SegmentMember.pack(text, lines: count) else {
                throw failure("write", path, SystemError(ENOMEM))
            }
            do throws(SystemError) { try SystemCall.write(member, to: descriptor) } catch {
                throw failure("write", path, error)
            }
            text.removeAll(keepingCapacity: true)
            count = 0
        }
        try lines { line in
            text += line
            text.append(0x0A)
            count += 1
            if count == SegmentMember.lines || text.count >= SegmentMember.bytes { try flush() }
        }
        if count > 0 { try flush() }
    }

    /// Removes a file, durably. One that is gone already is not an error.
    static func remove(_ name: String, in directory: String) throws {
        guard unlink("\(directory)/\(name)") == 0 || errno == ENOENT else {
            throw failure("remove", "\(directory)/\(name)")
        }
        let folder = try open(directory)
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw failure("sync", directory) }
    }

    static func digest(_ path: String) throws -> (sha256: [UInt8], bytes: Int64) {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw failure("read", path) }
        defer { close(descriptor) }
        var hash = SHA256()
        var total: Int64 = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count: Int
            do throws(SystemError) {
                count = try SystemCall.retrying { Foundation.read(descriptor, &buffer, buffer.count) }
            } catch {
                throw failure("read", path, error)
            }
            if count == 0 { return (hash.finalize().bytes, total) }
            buffer.withUnsafeBytes {
                hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count]))
            }
            total += Int64(count)
        }
    }

    /// Gives each line with its number, from 0, in turn; `body` returns false to end. Throws when the file is no whole gzip file.
    /// - Parameter line: the first one that is needed. Some before it may be given, too.
    static func read(
        _ path: String, from line: Int64 = 0, _ body: (Int64, UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            throw LedgerError("sealed entries cannot be read", reading: path, .last)
        }
        var number: Int64
        do throws(SystemError) { number = try SegmentMember.seek(descriptor, to: line) } catch {
            close(descriptor)
            throw failure("read", path, error)
        }
        guard let file = dropgate_gzip_open(descriptor) else {
            close(descriptor)
            throw failure("read", path)
        }
        defer { dropgate_gzip_close(file) }
        // Some look at the first line alone.
        var buffer = [UInt8](repeating: 0, count: 1 << 13)
        var kept = 0
        while true {
            if kept == buffer.count { buffer.append(contentsOf: repeatElement(0, count: buffer.count)) }
            let free = buffer.count - kept
            let count = buffer.withUnsafeMutableBytes {
                dropgate_gzip_read(file, $0.baseAddress.map { $0 + kept }, free)
            }
            guard count >= 0 else { throw LedgerError(.unreadable, "\(path) is no whole gzip file") }
            let end = kept + Int(count)
            var start = 0
            let goesOn = try buffer.withUnsafeBytes { raw in
                while let newline = raw[start..<end].firstIndex(of: 0x0A) {
                    guard try body(number, UnsafeRawBufferPointer(rebasing: raw[start..<newline])) else {
                        return false
                    }
                    number += 1
                    start = newline + 1
                }
                return true
            }
            guard goesOn else { return }
            if count == 0 {
                guard start == end else { throw LedgerError(.unreadable, "\(path) ends inside an entry") }
                return
            }
            kept = end - start
            buffer.withUnsafeMutableBytes { raw in
                guard let base = raw.baseAddress, kept > 0 else { return }
                memmove(base, base + start, kept)
            }
            buffer.append(contentsOf: repeatElement(0, count: max(0, 1 << 18 - buffer.count)))
        }
    }

    /// The lines with which members begin, from 0 on. Behind the last one there may be nothing.
    static func starts(_ path: String) throws -> [Int64] {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            throw LedgerError("sealed entries cannot be read", reading: path, .last)
        }
        defer { close(descriptor) }
        do throws(SystemError) { return try SegmentMember.starts(descriptor).map(\.line) } catch {
            throw failure("read", path, error)
        }
    }

    private static func open(_ directory: String) throws -> Int32 {
        let descriptor = Foundation.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        return descriptor
    }

    private static func failure(_ action: String, _ path: String, _ error: SystemError = .last) -> LedgerError
    {
        LedgerError(cannot: action, path, error)
    }
}
