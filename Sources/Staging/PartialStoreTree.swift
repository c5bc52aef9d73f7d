// The directories that a sender made: real ones, under tree/. Every step is relative to an open directory and
// refuses links.
import Glibc

extension PartialStore {
    /// All directories, each after the one it lies in, with their modification times in seconds since the epoch.
    /// What is no directory is removed: earlier versions kept marks of released files here.
    package func directories() throws(StagingError) -> [(path: DropPath, modified: Int64)] {
        var found: [(path: DropPath, modified: Int64)] = []
        try walk(tree, .root, &found)
        return found
    }

    private func walk(
        _ directory: Directory, _ path: DropPath, _ found: inout [(path: DropPath, modified: Int64)]
    ) throws(StagingError) {
        found.append(
            (
                path,
                try OpenFile(
                    descriptor: fcntl(directory.descriptor, F_DUPFD_CLOEXEC, 0), path: directory.path
                ).status().modified
            ))
        for name in try directory.names() {
            guard let status = try directory.status(name) else { continue }
            if status.isDirectory {
                try walk(directory.subdirectory(name), path.child(Array(name.utf8)), &found)
            } else {
                try directory.remove(name)
            }
        }
    }

    /// Makes a directory and those above it.
    package func makeDirectory(_ path: DropPath) throws(StagingError) {
        _ = try tree.subdirectory(path.components, create: true)
    }

    /// Throws `.exists` when something is inside; absent is not an error.
    package func removeDirectory(_ path: DropPath) throws(StagingError) {
        let (parent, name) = try place(path)
        try parent.removeDirectory(name)
    }

    /// Gives a directory a modification time, in seconds since the epoch. What fails is left.
    package func date(directory path: DropPath, _ seconds: Int64) {
        guard let (parent, name) = try? place(path) else { return }
        parent.date(name, seconds)
    }

    private func place(_ path: DropPath) throws(StagingError) -> (parent: Directory, name: String) {
        var components = path.components
        guard let name = components.popLast() else { throw StagingError(.badPath, "the root has no name") }
        return (try tree.subdirectory(components), name)
    }
}
