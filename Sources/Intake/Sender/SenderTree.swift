// What one account has: directories and, under each name, the uploads and drops that nobody has taken yet. It is the
// sender's view and the daemon's book at once. Pure: times, sizes and drop ids come in.
import Staging

/// One upload or drop under a name.
struct SenderItem: Sendable, Equatable {
    struct Reopening: Sendable, Equatable {
        /// As of the item.
        var opened: String
        /// What it had then.
        var bytes: Int64
    }

    enum Standing: Sendable, Equatable {
        /// A session is writing it; 0 is one that the gate has not started, or has lost sight of. Shows to nobody else.
        case writing(session: UInt64)
        /// It waits for its sender: for the rest of it or, whole, for its final name or another try.
        case partial(isWhole: Bool)
        /// Accepted, and not yet released.
        case settling
        /// Released; a consumer may have taken it by now.
        case waiting(readyPath: String)
    }

    var drop: String
    /// Of one that is being written: what it has been given room for.
    var bytes: Int64
    /// As it shows, in seconds since the epoch.
    var modified: Int64
    var standing: Standing
    /// When it was opened last, as a drop id of that moment: its own, or one that no upload has.
    var opened: String
    /// Of one that is being written, and was whole before: whether it has become newer shows when it is left.
    var reopened: Reopening?
    /// A newer upload of its name is whole. Nobody sees one that is being written, or goes on with it, once its session has left it, or
    /// one file would be made of two; one that is whole is still to be withdrawn.
    var isSuperseded = false
    /// The name under which it was begun, where it got another one while it was written.
    var former: DropPath?

    init(drop: String, bytes: Int64, modified: Int64, standing: Standing, opened: String? = nil) {
        self.drop = drop
        self.bytes = bytes
        self.modified = modified
        self.standing = standing
        self.opened = opened ?? drop
    }

    /// When it was opened last, now that it has so many bytes. A whole one that is closed as it was has not become newer.
    func openedLast(bytes: Int64) -> String {
        guard let reopened, reopened.bytes != bytes else { return opened }
        return reopened.opened
    }

    var isWritten: Bool { if case .writing = standing { true } else { false } }
    var isWaiting: Bool { if case .waiting = standing { true } else { false } }
    var isPartial: Bool { if case .partial = standing { true } else { false } }
    /// Closed by its sender, and not accepted.
    var isWhole: Bool { standing == .partial(isWhole: true) }
    /// Accepted: an entry in the ledger tells of it.
    var isDelivered: Bool { !isWritten && !isPartial }

    /// Whether an upload of its name that is whole makes this one old: begun before it, or not opened since.
    func isOlder(than whole: SenderItem) -> Bool { drop < whole.drop || opened < whole.opened }
}

struct SenderTree: Sendable {
    private struct Folder {
        var modified: Int64
        /// When it was made, or somebody began a file in it or gave one a name in it.
        var used: Int64
        /// Of directories and files directly inside.
        var names = SortedNames()
    }

    private var folders: [DropPath: Folder] = [.root: Folder(modified: 0, used: 0)]
    /// Oldest first: drop ids sort by time.
    private var files: [DropPath: [SenderItem]] = [:]
    private var places: [String: DropPath] = [:]
    /// Drops that lie under `ready/`, by the bytes of their path.
    private var occupants: [[UInt8]: String] = [:]

    /// Bytes of all items.
    private(set) var bytes: Int64 = 0

    /// Directories, without the root, and files, versions of one name each by itself.
    var names: Int { folders.count - 1 + places.count }

    // MARK: Looking

    func isFolder(_ path: DropPath) -> Bool { folders[path] != nil }

    /// Seconds since the epoch; nil when there is no such directory.
    func modified(folder path: DropPath) -> Int64? { folders[path]?.modified }

    /// Oldest first.
    func items(_ path: DropPath) -> [SenderItem] { files[path] ?? [] }

    func path(of drop: String) -> DropPath? { places[drop] }

    func item(_ drop: String) -> SenderItem? { places[drop].flatMap { files[$0]?.first { $0.drop == drop } } }

    func isEmpty(folder path: DropPath) -> Bool { folders[path]?.names.isEmpty ?? true }

    /// The next names directly inside a directory, in order of their bytes.
    func names(in folder: DropPath, after name: [UInt8]?, limit: Int) -> ArraySlice<[UInt8]> {
        folders[folder]?.names.names(after: name).prefix(limit) ?? []
    }

    /// Files anywhere inside a directory.
    func files(inside folder: DropPath) -> [DropPath] {
        (folders[folder]?.names.all ?? []).flatMap { name -> [DropPath] in
            let path = folder.child(name)
            return (files[path] == nil ? [] : [path]) + (isFolder(path) ? files(inside: path) : [])
        }
    }

    /// Directories anywhere inside a directory.
    func folders(inside folder: DropPath) -> [DropPath] {
        (folders[folder]?.names.all ?? []).flatMap { name -> [DropPath] in
            let path = folder.child(name)
            return isFolder(path) ? [path] + folders(inside: path) : []
        }
    }

    /// Directories with nothing in them that nobody has used since a moment, in seconds since the epoch; the longest unused
    /// first.
    func emptyFolders(unusedSince time: Int64) -> [DropPath] {
        folders.filter { !$0.key.isRoot && $0.value.names.isEmpty && $0.value.used < time }
            .sorted { ($0.value.used, $0.key) < ($1.value.used, $1.key) }
            .map { $0.key }
    }

    /// The nearest path above that is a file and no directory, if any.
    func fileAbove(_ path: DropPath) -> DropPath? {
        var above = path.parent
        while !above.isRoot {
            if folders[above] == nil, files[above]?.contains(where: { !$0.isWritten }) == true {
                return above
            }
            above = above.parent
        }
        return nil
    }

    var drops: [String] { Array(places.keys) }

    // MARK: Directories

    /// Makes a directory and those above it.
    mutating func insert(folder path: DropPath, modified: Int64) {
        guard folders[path] == nil else { return }
        if !path.isRoot {
            insert(folder: path.parent, modified: modified)
            link(path)
        }
        folders[path] = Folder(modified: modified, used: modified)
    }

    /// - Parameter time: seconds since the epoch.
    /// - Returns: whether that was a while after it was used before.
    @discardableResult
    mutating func use(folder path: DropPath, at time: Int64) -> Bool {
        guard let used = folders[path]?.used, used < time else { return false }
        folders[path]?.used = time
        return time - used > 60
    }

    /// The directory is empty.
    mutating func remove(folder path: DropPath) {
        guard !path.isRoot, folders.removeValue(forKey: path) != nil else { return }
        if files[path] == nil { unlink(path) }
    }

    /// A directory with all that is still in it.
    mutating func move(folder path: DropPath, to other: DropPath) {
        let inside = folders.keys.filter { $0 == path || $0.isInside(path) }.sorted()
        for folder in inside {
            let new = folder.moved(from: path, to: other)
            insert(folder: new, modified: folders[folder]?.modified ?? 0)
            use(folder: new, at: folders[folder]?.used ?? 0)
        }
        for file in files(inside: path) {
            for item in items(file) { move(item.drop, to: file.moved(from: path, to: other)) }
        }
        for folder in inside.reversed() { remove(folder: folder) }
    }

    // MARK: Items

    /// Adds an item; directories above are made where they are missing. It takes the place under `ready/` of another
    /// one that must have been taken, because the place was free.
    mutating func insert(_ item: SenderItem, at path: DropPath) {
        remove(item.drop)
        if !path.isRoot { insert(folder: path.parent, modified: item.modified) }
        if files[path] == nil, folders[path] == nil { link(path) }
        var items = files[path] ?? []
        items.insert(item, at: items.firstIndex { $0.drop > item.drop } ?? items.count)
        files[path] = items
        places[item.drop] = path
        bytes += item.bytes
        occupy(item)
    }

    @discardableResult
    mutating func remove(_ drop: String) -> SenderItem? {
        guard let path = places.removeValue(forKey: drop), var items = files[path],
            let index = items.firstIndex(where: { $0.drop == drop })
        else { return nil }
        let item = items.remove(at: index)
        bytes -= item.bytes
        if case .waiting(let readyPath) = item.standing, occupants[Array(readyPath.utf8)] == drop {
            occupants[Array(readyPath.utf8)] = nil
        }
        if items.isEmpty {
            files[path] = nil
            if folders[path] == nil { unlink(path) }
        } else {
            files[path] = items
        }
        return item
    }

    mutating func update(_ drop: String, _ change: (inout SenderItem) -> Void) {
        guard let path = places[drop], var item = remove(drop) else { return }
        change(&item)
        insert(item, at: path)
    }

    mutating func move(_ drop: String, to path: DropPath) {
        guard let item = remove(drop) else { return }
        insert(item, at: path)
    }

    private mutating func occupy(_ item: SenderItem) {
        guard case .waiting(let readyPath) = item.standing else { return }
        if let other = occupants[Array(readyPath.utf8)], other != item.drop { remove(other) }
        occupants[Array(readyPath.utf8)] = item.drop
    }

    // MARK: Names in directories

    private mutating func link(_ path: DropPath) { folders[path.parent]?.names.insert(path.name) }

    private mutating func unlink(_ path: DropPath) { folders[path.parent]?.names.remove(path.name) }
}
