// A copy of a whole ledger as it was at one moment, taken beside its writer: what a restore needs, under the names that it
// has in the ledger's own directory. See `LedgerHandle.backUp`.
import Files
import Foundation
import GRDB

/// What a backup holds.
package struct LedgerBackup: Sendable, Hashable {
    /// Entries in all, sealed ones too.
    package let entries: Int64
    /// The newest checkpoint that it holds; nil when nothing was signed.
    package let signed: Checkpoint?
    /// Bytes of its files.
    package let bytes: Int64
}

struct BackupWriter {
    private let paths: LedgerPaths
    private let directory: String
    private var bytes: Int64 = 0

    /// - Parameter directory: empty, private, and the caller's to put in place.
    init(_ paths: LedgerPaths, into directory: String) {
        self.paths = paths
        self.directory = directory
    }

    /// Durable when it returns, but for the directory's own name. Throws `LedgerError`.
    mutating func write() throws -> LedgerBackup {
        // Before the entries: a copy that had a newer checkpoint than entries would look cut.
        try copyAll("checkpoints", ".notes")
        let file = "\(directory)/\(Paths.lastComponent(of: paths.file))"
        try copyDatabase(to: file)
        // After the entries: what an entry names was kept before it.
        try copyAll("policies", ".txt")
        let reader = try SQLiteLedgerReader(LedgerPaths(file))
        // Those that this copy knows. A file is never changed, only removed after years.
        let segments = try reader.segments().filter { $0.removalEntry == nil }
        if !segments.isEmpty {
            try make("segments")
            for segment in segments { try copySealed(segment) }
            try sync("segments")
        }
        try sync(directory, flags: O_RDONLY | O_DIRECTORY)
        return LedgerBackup(
            entries: try reader.size(), signed: try reader.newestCheckpoint()?.checkpoint, bytes: bytes)
    }

    private mutating func copyAll(_ folder: String, _ suffix: String) throws {
        let from = "\(paths.directory)/\(folder)"
        do throws(FileError) { guard try Presence.check(from) else { return } } catch {
            throw LedgerError(.unreadable, error.message)
        }
        try make(folder)
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: from) } catch {
            throw LedgerError(
                .unreadable, "cannot read \(from): \(SystemError(of: error) ?? SystemError(EIO))")
        }
        for name in names.sorted() where name.hasSuffix(suffix) && Self.kind("\(from)/\(name)") == S_IFREG {
            try copy("\(folder)/\(name)")
        }
        try sync(folder)
    }

    /// What is no file is nothing that a gate kept: a verification tells what is missing instead. A pipe would never end.
    /// - Returns: nil where there is nothing.
    private static func kind(_ path: String) -> mode_t? {
        var status = stat()
        return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
    }

    /// By SQLite's own backup, in one step and so of one moment. The writer goes on meanwhile.
    private mutating func copyDatabase(to file: String) throws {
        let source = try ReadOnlyDatabase(paths)
        do {
            try FileLock.makePrivateFile(path: file)
            let copy = try DatabaseQueue(path: file)
            try source.copy(to: copy)
            // One file, which a reader can open where it may not write.
            try copy.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
            try copy.close()
        } catch let error as DatabaseError {
            throw LedgerError(.unwritable, "cannot copy the ledger to \(file)", of: error, in: directory)
        }
        try sync(file, flags: O_RDWR)
        try count(file)
    }

    private mutating func copySealed(_ segment: LedgerSegment) throws {
        let name = "segments/\(segment.fileName)"
        // One that is not there fails to be copied.
        let mayBeFile = [nil, S_IFREG].contains(Self.kind("\(paths.directory)/\(name)"))
        if mayBeFile { try copy(name) }
        guard mayBeFile, try SegmentFile.digest("\(directory)/\(name)").sha256 == segment.sha256 else {
            throw LedgerError(
                .forked,
                "\(paths.directory)/\(name) is not the file that was sealed. Nothing was kept of this backup",
                fix: "run `dropgate ledger verify`")
        }
    }

    private mutating func copy(_ name: String) throws {
        let (from, to) = ("\(paths.directory)/\(name)", "\(directory)/\(name)")
        do { try FileManager.default.copyItem(atPath: from, toPath: to) } catch {
            throw LedgerError(cannot: "copy \(from) to", to, SystemError(of: error) ?? SystemError(EIO))
        }
        guard chmod(to, 0o600) == 0 else { throw Self.failure("chmod", to) }
        try sync(to, flags: O_RDWR)
        try count(to)
    }

    private func make(_ name: String) throws {
        let path = "\(directory)/\(name)"
        guard mkdir(path, 0o700) == 0 else { throw Self.failure("make", path) }
    }

    private func sync(_ name: String) throws {
        try sync("\(directory)/\(name)", flags: O_RDONLY | O_DIRECTORY)
    }

    private func sync(_ path: String, flags: Int32) throws {
        do throws(SystemError) { try FileReplacement.sync(path, flags: flags) } catch {
            throw LedgerError(cannot: "sync", path, error)
        }
    }

    private mutating func count(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { throw Self.failure("look at", path) }
        bytes += Int64(status.st_size)
    }

    private static func failure(_ action: String, _ path: String) -> LedgerError {
        LedgerError(cannot: action, path, .last)
    }
}
