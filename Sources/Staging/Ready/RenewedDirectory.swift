// A directory of the gate's own that may be made anew while the gate runs: whatever was lost with the old one, a new one loses nothing
// more. One that was only moved away is to be put back: none is made in its place, and nothing is written where nobody looks for it.
import Synchronization

final class RenewedDirectory: Sendable {
    private let root: Directory
    private let parent: Directory
    private let name: String
    private let admit: @Sendable (Directory) -> Void
    private let known: Mutex<Directory>

    /// Makes it, durably, where it is missing. Throws, too, when it lies on another filesystem than the rest.
    /// - Parameters:
    ///   - parent: the directory that it is in; nil: the staging directory.
    ///   - root: the staging directory.
    ///   - admit: told each directory that it is, before anything is put into it.
    init(
        _ name: String, below parent: Directory? = nil, in root: Directory,
        admit: @escaping @Sendable (Directory) -> Void = { _ in }
    ) throws(StagingError) {
        self.root = root
        self.parent = parent ?? root
        self.name = name
        self.admit = admit
        let directory = try self.parent.durable([name])
        try directory.requireFilesystem(of: root)
        admit(directory)
        known = Mutex(directory)
    }

    /// For looking. Where it was removed, that is the one that lies there now, or the removed one, in which nothing is found.
    func current() throws(StagingError) -> Directory {
        let last = known.withLock(\.self)
        guard parent.loss(of: last, as: name) == .removed, let found = try parent.existing(name) else {
            return last
        }
        return try use(found)
    }

    /// For writing: made, durably, where it was removed. Throws `.obstructed` where it was moved away.
    func made() throws(StagingError) -> Directory {
        let last = known.withLock(\.self)
        switch parent.loss(of: last, as: name) {
        case nil: return last
        case .removed: return try use(parent.durable([name]))
        case .moved: throw parent.moved(name)
        }
    }

    private func use(_ directory: Directory) throws(StagingError) -> Directory {
        try directory.requireFilesystem(of: root)
        admit(directory)
        known.withLock { $0 = directory }
        return directory
    }
}
