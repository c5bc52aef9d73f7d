// What a group of consumers may do in a staging directory: take files out of `ready/`, read receipts, and keep what it has taken in
// `taken/`. Everything else of it stays the gate's alone.
package import Files
import Glibc

package struct Consumers: Sendable {
    package let group: AccessGroup

    package init(_ group: AccessGroup) { self.group = group }

    // MARK: Rights by place

    /// What the group may do in a directory, by its path in staging; nil for one that is closed to it.
    ///
    /// In `ready/` it may change directories that hold files: an account's and a day's, and all below them. What those are called is
    /// the gate's alone.
    static func right(in components: [String]) -> AccessGroup.Right? {
        switch components.first {
        case nil: .pass
        case StagingLayout.ready: components.count > 2 ? .take : .read
        case StagingLayout.receipts: .read
        default: nil
        }
    }

    /// For a directory of `ready/`, by its components there.
    func admit(_ directory: Directory, inReady components: [String]) {
        guard let right = Self.right(in: [StagingLayout.ready] + components) else { return }
        group.admit(directory: directory.descriptor, to: right)
    }

    /// For a directory of receipts.
    func admit(receipts directory: Directory) { group.admit(directory: directory.descriptor, to: .read) }

    /// For the directory of a batch, before it becomes one of `ready/`.
    func admit(batch directory: Directory) { group.admit(directory: directory.descriptor, to: .take) }

    /// For a file that is to lie in `ready/` or among the receipts.
    func admit(_ file: OpenFile) { group.admit(file.descriptor) }

    // MARK: What is there

    /// Opens a staging directory to the group, and makes `taken/`. Throws for what cannot be opened to it.
    /// - Parameter isNew: what is released already is opened, too, file by file; not needed where it has been. Where `taken/` is not
    ///   the group's, it has not: a backup was put back, or somebody gave all of it to the gate's user again.
    package func open(_ staging: String, isNew: Bool) throws(FileError) {
        try group.admit(directory: staging, to: .pass)
        let tops = [StagingLayout.ready, StagingLayout.receipts].map { "\(staging)/\($0)" }
        let taken = "\(staging)/\(StagingLayout.taken)"
        if isNew || !group.holds(directory: taken) {
            try walk(staging) { directory, components in
                guard let right = Self.right(in: components) else { return }
                group.admit(directory: directory.descriptor, to: right)
            } file: {
                admit($0)
            }
        }
        for top in tops where try Presence.check(top) { try group.admit(directory: top, to: .read) }
        // Last: a start that ends before this does all of it again.
        try makeTaken(taken)
    }

    /// Where each consumer makes a directory of its own: on staging's filesystem, since to take is to rename. Nobody can remove what
    /// another one has made (sticky).
    private func makeTaken(_ path: String) throws(FileError) {
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw FileError(message: "cannot make \(path): \(SystemError.last)")
        }
        try group.admit(directory: path, to: .take, isSticky: true)
    }

    /// Closes a staging directory to the group again: from the top, and then all that is below. What consumers have made is theirs.
    package func close(_ staging: String) throws(FileError) {
        try group.dismiss(from: staging)
        for place in [StagingLayout.ready, StagingLayout.receipts, StagingLayout.taken] {
            try group.dismiss(from: "\(staging)/\(place)")
        }
        try walk(staging) { directory, _ in
            group.dismiss(from: directory.descriptor)
        } file: {
            group.dismiss(from: $0.descriptor)
        }
    }

    // MARK: All of it

    /// Calls for each directory below `ready/` and among the receipts, and for each file in it; what is not the gate's is left alone.
    private func walk(
        _ staging: String, directory: (Directory, [String]) -> Void, file: (OpenFile) -> Void
    ) throws(FileError) {
        do throws(StagingError) {
            let root = try Directory(path: staging)
            for place in [StagingLayout.ready, StagingLayout.receipts] {
                guard let top = try root.existing(place) else { continue }
                try walk(top, [place], directory, file)
            }
        } catch {
            throw FileError(message: "the group \(group) cannot be let in to all of \(staging): \(error)")
        }
    }

    private func walk(
        _ folder: Directory, _ components: [String], _ directory: (Directory, [String]) -> Void,
        _ file: (OpenFile) -> Void
    ) throws(StagingError) {
        directory(folder, components)
        for name in try folder.names() {
            guard let status = try folder.status(name), status.isOwn else { continue }
            do throws(StagingError) {
                if status.isDirectory, components.count < StagingLayout.deepest {
                    try walk(folder.subdirectory(name), components + [name], directory, file)
                } else if status.isRegular {
                    file(try folder.openFile(name))
                }
            } catch {
                // Taken meanwhile.
                guard error.code == .notFound else { throw error }
            }
        }
    }
}
