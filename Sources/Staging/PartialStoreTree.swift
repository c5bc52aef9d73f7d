// The directories that a sender made: real ones, under tree/. Every step is relative to an open
// directory and refuses links.

import Glibc

extension PartialStore {
    /// The modification time of a directory in seconds since the epoch; nil when there is none.
    package func directory(_ path: String) throws(StagingError) -> Int64? {
        do throws(StagingError) {
            let components = try Self.components(path)
            guard let name = components.last else { return try modified(tree) }
            let parent = try tree.subdirectory(components.dropLast())
            guard let status = try parent.status(name), status.isDirectory else { return nil }
            return status.modified
        } catch {
            // A parent that is missing, or is no directory.
            if error.code == .notFound || error.code == .badPath { return nil }
            throw error
        }
    }

    /// Names and modification times of the directories in a directory. Throws `.notFound` when it is absent.
    package func directories(in path: String) throws(StagingError) -> [(name: String, modified: Int64)] {
        let directory = try tree.subdirectory(Self.components(path))
        var found: [(name: String, modified: Int64)] = []
        for name in try directory.names() {
            guard let status = try directory.status(name), status.isDirectory else { continue }
            found.append((name, status.modified))
        }
        return found
    }

    /// Throws `.exists` when a directory or an upload has the name, `.notFound` when the parent is absent.
    package func makeDirectory(_ path: String) throws(StagingError) {
        let (parent, name) = try place(path)
        guard try parent.status(name) == nil, try find(path) == nil else {
            throw StagingError(.exists, "\(path) exists already")
        }
        _ = try parent.subdirectory(name, create: true)
    }

    /// Throws `.notFound` when it is absent, `.exists` when something is inside.
    package func removeDirectory(_ path: String) throws(StagingError) {
        let (parent, name) = try place(path)
        guard try parent.status(name)?.isDirectory == true else {
            throw StagingError(.notFound, "\(path) is not a directory")
        }
        guard try !hasUploads(inside: path), try parent.subdirectory(name).names().isEmpty else {
            throw StagingError(.exists, "\(path) is not empty")
        }
        try parent.removeDirectory(name)
    }

    /// Throws `.exists` when the new name is taken or unreleased uploads lie inside.
    package func renameDirectory(_ path: String, to newPath: String) throws(StagingError) {
        let (from, name) = try place(path)
        guard try from.status(name)?.isDirectory == true else {
            throw StagingError(.notFound, "\(path) is not a directory")
        }
        guard try !hasUploads(inside: path) else {
            throw StagingError(.exists, "\(path) contains uploads that are not finished")
        }
        guard try find(newPath) == nil else { throw StagingError(.exists, "\(newPath) exists already") }
        let (to, newName) = try place(newPath)
        try from.move(name, to: to, as: newName)
    }

    /// A file may have this path: its parent is a directory (else `.notFound`), and it is none itself (else
    /// `.exists`).
    package func checkFileName(_ path: String) throws(StagingError) {
        let (parent, name) = try place(path)
        guard try parent.status(name)?.isDirectory != true else {
            throw StagingError(.exists, "\(path) is a directory")
        }
    }

    func place(_ path: String) throws(StagingError) -> (parent: Directory, name: String) {
        let components = try Self.components(path)
        guard let name = components.last else { throw StagingError(.badPath, "the root has no name") }
        return (try tree.subdirectory(components.dropLast()), name)
    }

    private func modified(_ directory: Directory) throws(StagingError) -> Int64? {
        try directory.status()?.modified
    }

    /// The session has normalised the path; what is not a plain name is refused here once more.
    static func components(_ path: String) throws(StagingError) -> [String] {
        if path.isEmpty { return [] }
        let components = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard components.allSatisfy(Directory.isComponent) else {
            throw StagingError(.badPath, "not a path: \(path.debugDescription)")
        }
        return components
    }
}

extension Directory {
    /// Of the open directory itself.
    fileprivate func status() throws(StagingError) -> FileStatus? {
        try OpenFile(descriptor: dup(descriptor), path: path).status()
    }
}
