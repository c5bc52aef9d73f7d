// Whole texts and secrets, read under a bound. It never creates or changes anything.

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

    package static func text(_ path: String) throws(FileError) -> String {
        let bytes = try bytes(path, limit: maximumText)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let isWide = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
            throw FileError(
                message: "\(path) is \(isWide ? "UTF-16, not UTF-8" : "not UTF-8 text"); save it as UTF-8")
        }
        return text
    }

    /// The bytes of a secret file without one trailing newline. Its owner may read the file, and a group as of a key.
    package static func secret(_ path: String) throws(FileError) -> [UInt8] {
        var bytes = try bytes(path, limit: maximumSecret, readers: .group)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw FileError(message: "\(path) is empty; put the secret in it") }
        return bytes
    }

    /// Fails unless the path is a regular file that this process may read.
    package static func checkReadable(_ path: String, readers: Readers = .anybody) throws(FileError) {
        try check(try open(path), path, readers)
    }

    /// Whether a regular file begins with the byte order mark that some editors put in front of UTF-8.
    package static func beginsWithMark(_ path: String) throws(FileError) -> Bool {
        let file = try open(path)
        return file.beginsWithMark
    }

    /// All bytes of a regular file that nobody but these may read.
    package static func bytes(
        _ path: String, limit: Int, readers: Readers = .anybody
    ) throws(FileError) -> [UInt8] {
        let file = try open(path)
        try check(file, path, readers)
        do throws(SmallFile.Failure) { return try file.contents(limit: limit) } catch {
            throw problem(error, path)
        }
    }

    private static func open(_ path: String) throws(FileError) -> SmallFile {
        do throws(SmallFile.Failure) { return try SmallFile.open(path) } catch { throw problem(error, path) }
    }

    /// What only some may read must also be the gate's: whoever can put another key in its place is the gate.
    private static func check(
        _ file: borrowing SmallFile, _ path: String, _ readers: Readers
    ) throws(FileError) {
        guard readers != .anybody else { return }
        let facts = FileTrust.Facts(file.status, at: file.place)
        if let fault = FileTrust.exposure(facts, readers, .current) {
            throw FileError(message: "\(path) \(fault.what)", fix: "\(fault.fix) \(path)")
        }
        do throws(FileError) { try FileTrust.check(path) } catch { throw error.of(path) }
    }

    private static func problem(_ failure: SmallFile.Failure, _ path: String) -> FileError {
        switch failure {
        case .system(let error): FileError("read", path, error)
        case .notRegular: FileError(message: "\(path) is not a regular file")
        case .tooLong(let limit): FileError(message: "\(path) is larger than \(sizeText(limit))")
        }
    }

    private static func sizeText(_ bytes: Int) -> String {
        bytes % (1 << 20) == 0 ? "\(bytes >> 20)MiB" : "\(bytes >> 10)KiB"
    }
}
