// One partial upload, held open and locked: its bytes, its sidecar, its digest. Only the session that holds
// the lock writes it. It does not decide whether an upload is whole or where it goes.
import CShims
import Files
import FoundationEssentials
import Glibc

/// A partial upload that this process alone may change, until the value goes away. Not for several threads.
package final class PartialFile {
    package private(set) var sidecar: PartialSidecar
    private let file: OpenFile
    private let parts: Directory
    private let boot: String?
    private var digest = PartialDigest()
    private var vectors: [iovec] = []
    /// A sync has failed: what lies on the disk may be other bytes, and nobody may go on with them.
    package private(set) var hasLostBytes = false
    /// Up to here the system was asked to begin writing to disk.
    private var writebackAt: Int64 = 0
    /// So that fsync at CLOSE finds little left to do.
    private static let writebackStep: Int64 = 4 * 1024 * 1024

    /// - Parameters:
    ///   - file: open for reading and writing, and locked.
    ///   - boot: the system's boot id now; nil where it is not known.
    init(_ file: OpenFile, _ sidecar: PartialSidecar, in parts: Directory, boot: String?) {
        self.file = file
        self.sidecar = sidecar
        self.parts = parts
        self.boot = boot
    }

    package var drop: String { sidecar.drop }
    package var path: String { sidecar.path }
    /// The name inside `parts`.
    private var fileName: String { PartialName.bytes(sidecar.drop) }
    private var sidecarName: String { PartialName.sidecar(sidecar.drop) }
    private var sealedName: String { PartialName.sealed(sidecar.drop) }

    package func status() throws(StagingError) -> FileStatus { try file.status() }

    // MARK: Bytes

    /// Writes pieces of memory one after the other from `offset` on. After a failure some may have arrived.
    package func write(
        _ base: UnsafeRawBufferPointer, _ pieces: [Range<Int>], at offset: Int64
    ) throws(StagingError) {
        guard let start = base.baseAddress else { return }
        if sidecar.state == .whole { try reopen(modified: nil) }
        vectors.removeAll(keepingCapacity: true)
        for piece in pieces where !piece.isEmpty {
            vectors.append(
                iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: start + piece.lowerBound),
                    iov_len: piece.count))
        }
        var position = offset
        var next = 0
        while next < vectors.count {
            let written: Int
            do throws(SystemError) {
                written = try SystemCall.retrying {
                    vectors.withUnsafeBufferPointer {
                        pwritev(
                            file.descriptor, $0.baseAddress! + next, Int32($0.count - next), off_t(position))
                    }
                }
            } catch {
                throw StagingError(errno: error.code, "cannot write \(file.path)")
            }
            position += Int64(written)
            next = advance(past: written, from: next)
        }
        digest.wrote(base, pieces, at: offset)
        startWriteback(upTo: position)
    }

    /// Writes bytes from the start on.
    package func write(_ bytes: [UInt8]) throws(StagingError) {
        let failure = bytes.withUnsafeBytes { bytes -> StagingError? in
            do throws(StagingError) {
                try write(bytes, [0..<bytes.count], at: 0)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    /// Takes what was written off the vectors.
    private func advance(past count: Int, from start: Int) -> Int {
        var next = start
        var left = count
        while next < vectors.count, left >= vectors[next].iov_len {
            left -= vectors[next].iov_len
            next += 1
        }
        if left > 0, next < vectors.count, let base = vectors[next].iov_base {
            vectors[next].iov_base = base + left
            vectors[next].iov_len -= left
        }
        return next
    }

    private func startWriteback(upTo end: Int64) {
        guard end - writebackAt >= Self.writebackStep else { return }
        // A hint: a file system that has no such thing says so, and nothing is lost.
        _ = dropgate_start_writeback(file.descriptor, writebackAt, end - writebackAt)
        writebackAt = end
    }

    /// Sets the length. Longer: the new bytes count as not written, and the length says nothing any more.
    package func resize(to size: Int64) throws(StagingError) {
        if sidecar.state == .whole { try reopen(modified: nil) }
        if try size > file.status().bytes { try leaveSequence() }
        try cut(to: size)
    }

    private func cut(to size: Int64) throws(StagingError) {
        guard ftruncate(file.descriptor, off_t(size)) == 0 else {
            throw StagingError(errno: errno, "cannot set the length of \(file.path)")
        }
        digest.cut(to: size)
    }

    /// Makes the bytes durable. Once that has failed it always does: the system tells of bytes that it could not write once, and a
    /// later fsync(2) succeeds without them.
    package func sync() throws(StagingError) {
        guard !hasLostBytes else {
            throw StagingError(.failed, "\(file.path): some of it could not be written to the disk")
        }
        do throws(StagingError) {
            try file.sync()
        } catch {
            hasLostBytes = true
            throw error
        }
    }

    /// Makes the bytes and their name durable.
    package func syncWithName() throws(StagingError) {
        try sync()
        try parts.sync()
    }

    /// How far the digest has come, in bytes.
    package var hashed: Int64 { digest.position }

    /// Hashes up to `limit` bytes that arrived earlier, all of them below `end`, by reading them back. Does
    /// nothing when that is left for the end.
    package func catchUp(to end: Int64, limit: Int64) throws(StagingError) {
        guard !digest.deferred else { return }
        try digest.catchUp(to: min(end, digest.position + limit), file)
    }

    /// The digest of the first `size` bytes, which must be all there are.
    package func sha256(of size: Int64) throws(StagingError) -> String {
        if sidecar.state == .whole, let known = sidecar.sha256 { return known }
        digest.cut(to: size)
        try digest.catchUp(to: size, file)
        return digest.hex()
    }

    /// Gives up the lock: another session may go on with it.
    package func release() { _ = dropgate_unlock(file.descriptor) }

    // MARK: Sidecar

    /// Before the first write that does not follow the last one.
    package func leaveSequence() throws(StagingError) {
        // First, because it makes the length tell the truth again.
        if sidecar.state == .whole { try reopen(modified: nil) }
        guard sidecar.sequential else { return }
        var changed = sidecar
        changed.sequential = false
        try replaceSidecar(changed)
    }

    package func rename(to path: String) throws(StagingError) {
        var changed = sidecar
        changed.path = path
        try replaceSidecar(changed, durable: changed.extents != nil)
    }

    package func setModified(_ seconds: Int64) throws(StagingError) {
        var changed = sidecar
        changed.modified = seconds
        try replaceSidecar(changed, durable: changed.extents != nil)
    }

    /// Goes on with an upload that was interrupted or whole: what follows its first `bytes` is cut off, because
    /// its sender will send it again, so that the length tells the truth again.
    package func resume(at bytes: Int64, modified: Int64?) throws(StagingError) {
        try cut(to: bytes)
        try reopen(modified: modified)
    }

    /// From here on its length says what has arrived, and a digest that was noted is that of other bytes. Durable
    /// before they come: after a loss of power the old sidecar would vouch for bytes of two files.
    private func reopen(modified: Int64?) throws(StagingError) {
        var changed = sidecar
        changed.state = .open
        changed.sequential = true
        changed.extents = nil
        changed.sha256 = nil
        changed.boot = boot
        changed.modified = modified ?? changed.modified
        try replaceSidecar(changed, durable: true)
    }

    /// An orderly end before the upload is whole: what has arrived is made durable and noted.
    package func keep(_ extents: [Range<Int64>], modified: Int64?) throws(StagingError) {
        try cut(to: extents.last?.upperBound ?? 0)
        try sync()
        var changed = sidecar
        changed.extents = extents.map { [$0.lowerBound, $0.upperBound] }
        changed.modified = modified ?? changed.modified
        try replaceSidecar(changed, durable: true)
    }

    /// The upload is whole, durable and digested, and waits for its final name or for another try. Durable.
    package func keepWhole(size: Int64, sha256: String, modified: Int64?) throws(StagingError) {
        var changed = sidecar
        changed.state = .whole
        changed.extents = size > 0 ? [[0, size]] : []
        changed.sha256 = sha256
        changed.modified = modified ?? changed.modified
        try replaceSidecar(changed, durable: true)
    }

    /// Nobody resumes it from here on: the daemon is about to be asked for its release.
    package func seal() throws(StagingError) {
        try parts.replace(sidecarName, to: parts, as: sealedName)
    }

    /// The release failed, and the daemon is known to have left it.
    package func unseal() throws(StagingError) {
        try parts.replace(sealedName, to: parts, as: sidecarName)
    }

    /// Removes bytes and sidecar.
    package func discard() throws(StagingError) {
        try parts.remove(fileName)
        try parts.remove(sidecarName)
    }

    /// Writes the first sidecar. Not durable: without it the partial is merely undecidable.
    func createSidecar() throws(StagingError) {
        try parts.createFile(sidecarName).write(encoded(sidecar))
    }

    private func replaceSidecar(_ changed: PartialSidecar, durable: Bool = false) throws(StagingError) {
        try parts.install(
            encoded(changed), as: sidecarName, temporary: PartialName.new(sidecar.drop), isDurable: durable)
        sidecar = changed
    }

    private func encoded(_ sidecar: PartialSidecar) throws(StagingError) -> [UInt8] {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return [UInt8](try encoder.encode(sidecar))
        } catch {
            throw StagingError(
                .failed, "cannot record how far the upload \(sidecar.drop) has got; report this")
        }
    }
}
