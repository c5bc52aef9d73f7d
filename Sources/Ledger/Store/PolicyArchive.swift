// Every policy that was in force, as a file named by its version beside the ledger whose entries name it. A file whose SHA-256
// is not its name is never believed. Nothing here removes one: entries refer to them for as long as there are entries.
package import Admission
package import Files
import Foundation

package struct PolicyArchive: Sendable {
    /// What there is of a version.
    package enum Found: Sendable {
        case kept(Policy)
        case absent
        /// There is a file that cannot be read or believed, and why.
        case unusable(String)
    }

    /// No list of lists comes near; it bounds what is read.
    static let maximum = 256 << 20

    /// Made 0700, or for its readers too, when the first policy is kept; the directory above it must exist.
    package let directory: String
    private let readers: AccessGroup?

    package init(directory: String, readers: AccessGroup? = nil) {
        self.directory = directory
        self.readers = readers
    }

    /// The name of a version's file: its hex digits and `.txt`. nil for what is no version.
    package static func fileName(_ version: String) -> String? {
        let digits = version.dropFirst("sha256:".count)
        guard version.hasPrefix("sha256:"), digits.utf8.count == 64,
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        return digits + ".txt"
    }

    /// Keeps a policy (0600), durable when it returns. What is kept already stays; a file that is not what its name says is
    /// replaced. Throws `LedgerError(.unwritable)`.
    package func keep(_ policy: Policy) throws(LedgerError) {
        guard let name = Self.fileName(policy.version) else { return }
        let path = "\(directory)/\(name)"
        if mkdir(directory, 0o700) == 0 {
            try Self.sync(Paths.directory(of: directory))
            try? readers?.admit(directory: directory)
        } else if errno != EEXIST {
            throw Self.unwritable(directory, .last)
        }
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw Self.unwritable(directory, .last) }
        defer { close(folder) }
        let text = policy.text
        if (try? Self.bytes(path)) == text {
            // Its name may not have been durable yet when it was made.
            guard fsync(folder) == 0 else { throw Self.unwritable(directory, .last) }
            return
        }
        try FileReplacement.install(name, in: folder, temporary: name + ".new") {
            (file) throws(LedgerError) in
            do throws(SystemError) { try SystemCall.write(text, to: file) } catch {
                throw Self.unwritable(path, error)
            }
        } failed: { _, error in
            Self.unwritable(path, error)
        }
        // What is refused here, the gate's start has told.
        try? readers?.admit(file: path)
    }

    /// What a version stands for, if it is kept.
    package func policy(_ version: String) -> Found {
        guard let name = Self.fileName(version) else {
            return .unusable("\"\(version)\" is no version of lists")
        }
        let path = "\(directory)/\(name)"
        do throws(SmallFile.Failure) {
            let text = try Self.bytes(path)
            do throws(PolicyError) { return .kept(try Policy(text: text, version: version)) } catch {
                return .unusable("\(path) cannot be trusted: \(error)")
            }
        } catch {
            if case .system(let error) = error, error.code == ENOENT { return .absent }
            return .unusable("\(path): \(error)")
        }
    }

    /// The text of a version as it is kept; nil where there is none that is what its name says.
    package func text(_ version: String) -> [UInt8]? {
        guard case .kept(let policy) = policy(version) else { return nil }
        return policy.text
    }

    private static func bytes(_ path: String) throws(SmallFile.Failure) -> [UInt8] {
        try SmallFile.open(path).contents(limit: maximum)
    }

    private static func sync(_ directory: String) throws(LedgerError) {
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw unwritable(directory, .last) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw unwritable(directory, .last) }
    }

    private static func unwritable(_ path: String, _ error: SystemError) -> LedgerError {
        LedgerError(
            .unwritable, "the source lists cannot be kept beside the ledger: \(path): \(error)",
            fix: error.isFull ? SystemError.adviceOnFull : "give the gate's user the right to write there",
            mayPass: error.isFull)
    }
}
