// A directory of the gate's own that may be made anew while the gate runs: whatever was lost with the old one, a new one loses nothing
// more. One that was only moved away is not removed: it stays in use wherever it is, and none is made in its place.
import Synchronization

final class RenewedDirectory: Sendable {
    private let root: Directory
    private let above: [String]
    private let name: String
    private let admit: @Sendable (Directory) -> Void
    private let known: Mutex<Directory>

    /// Makes it, durably, where it is missing. Throws, too, when it lies on another filesystem than the rest.
    /// - Parameters:
    ///   - above: the directories above it, which are there.
    ///   - root: the staging directory.
    ///   - admit: told each directory that it is, before anything is put into it.
    init(
        _ name: String, below above: [String] = [], in root: Directory,
        admit: @escaping @Sendable (Directory) -> Void = { _ in }
    ) throws(StagingError) {
        let directory = try root.subdirectory(above).durable([name])
        try directory.requireFilesystem(of: root)
        admit(directory)
        self.root = root
        self.above = above
        self.name = name
        self.admit = admit
        known = Mutex(directory)
    }

    /// For looking. Where it was removed, that is the one that lies there now, or the removed one, in which nothing is found.
    func current() throws(StagingError) -> Directory {
        let last = known.withLock(\.self)
        guard last.isRemoved, let found = try root.subdirectory(above).existing(name) else { return last }
        return try use(found)
    }

    /// For writing: made, durably, where it was removed.
    func made() throws(StagingError) -> Directory {
        let last = known.withLock(\.self)
        guard last.isRemoved else { return last }
        return try use(root.subdirectory(above).durable([name]))
    }

    private func use(_ directory: Directory) throws(StagingError) -> Directory {
        try directory.requireFilesystem(of: root)
        admit(directory)
        known.withLock { $0 = directory }
        return directory
    }
}
