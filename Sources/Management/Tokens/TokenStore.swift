// The directory of the console's tokens, a file each, `NAME.json`, 0600. A file that cannot be read spoils only itself.
import Files
import Foundation
import Staging

struct TokenStore: Sendable {
    /// Each request looks at all of them.
    static let most = 256
    private static let suffix = ".json"

    /// Absolute.
    let directory: String

    func path(of name: String) -> String { "\(directory)/\(name)\(Self.suffix)" }

    /// Names of tokens by their files; none where no directory was made yet. Throws where others could make one.
    func names() throws(ManagementError) -> [String] {
        // Looked at each time: a directory that others may write now shows no change of its files.
        do throws(FileError) { try FileTrust.check(directory) } catch {
            throw ManagementError(
                .configuration, "the directory of tokens, \(directory): \(error.message)", cause: error)
        }
        do throws(StagingError) {
            return try Directory(path: directory).names().filter {
                !$0.hasPrefix(".") && $0.hasSuffix(Self.suffix)
            }.map { String($0.dropLast(Self.suffix.count)) }
        } catch {
            if error.code == .notFound { return [] }
            throw ManagementError(
                .internalError, "the tokens in \(directory) cannot be listed: \(error)", cause: error)
        }
    }

    func load(_ name: String) throws(ManagementError) -> ConsoleToken {
        let file = path(of: name)
        do throws(FileError) {
            try FileTrust.check(file)
            let bytes = try FileReading.secret(file)
            do throws(ManagementError) { return try ConsoleToken(parsing: bytes, name: name) } catch {
                throw FileError(message: "\(file): \(error.description)")
            }
        } catch {
            throw ManagementError(.configuration, error.message, cause: error)
        }
    }

    /// Refused when there is one of this name.
    func add(_ token: ConsoleToken) throws {
        let names = try names()
        guard !names.contains(token.name) else { throw Self.taken(token.name) }
        guard names.count < Self.most else {
            throw ManagementError(
                .refused, "there are \(names.count) tokens already", fix: "revoke those that nobody uses")
        }
        try makeDirectory()
        do throws(StagingError) {
            try Directory(path: directory).place(
                token.encoded, as: token.name + Self.suffix, replacing: false)
        } catch {
            // Two may be made at once: the secret of one that is replaced would be good for nothing.
            if error.code == .exists { throw Self.taken(token.name) }
            throw ManagementError(.internalError, "the token cannot be written: \(error)", cause: error)
        }
    }

    private static func taken(_ name: String) -> ManagementError {
        ManagementError(
            .refused, "there is a token \(name) already",
            fix: "choose another name, or revoke it first: `dropgate token revoke \(name)`")
    }

    /// By root's hand it is the gate's, as the directory above it is.
    private func makeDirectory() throws {
        let owner = SetupOwner(of: Paths.directory(of: directory))
        guard try !GateDirectories.make(directory).isEmpty, let owner else { return }
        guard lchown(directory, owner.user, owner.group) == 0 else {
            throw ManagementError(.internalError, "cannot give \(directory) to the gate: \(SystemError.last)")
        }
    }

    /// Returns whether there was one.
    func remove(_ name: String) throws(ManagementError) -> Bool {
        try ConsoleToken.check(name: name)
        do throws(StagingError) {
            let folder = try Directory(path: directory)
            guard try folder.remove(name + Self.suffix) else { return false }
            try folder.sync()
            return true
        } catch {
            if error.code == .notFound { return false }
            throw ManagementError(.internalError, "the token cannot be removed: \(error)", cause: error)
        }
    }
}
