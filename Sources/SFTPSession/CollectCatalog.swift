// The released drops of a collector's scope as a tree of names, as the daemon told them at one moment. Pure.
import SFTPWire
import Staging

struct CollectCatalog {
    /// By drop id, the path of its receipt.
    private(set) var receipts: [String: VirtualPath] = [:]
    /// By drop id, where it was released to.
    private(set) var paths: [String: String] = [:]
    /// Drops by the path of their file; several where one file holds many.
    private(set) var files: [VirtualPath: [String]] = [:]
    /// Names in each directory of `ready/`, `ready` itself included.
    private(set) var directories: [VirtualPath: Set<[UInt8]>] = [Self.ready: []]
    /// The same in their order, once somebody has listed it; the receipts too.
    private var sorted: [VirtualPath: [[UInt8]]] = [:]

    static let ready = name(StagingLayout.ready)
    static let receiptsDirectory = name(StagingLayout.receipts)
    private static let suffix = ".json"
    /// As the state machine has it: what stands before a sender's own path.
    private static let room = PathRoom(bytes: 64, depth: 3)

    private static func name(_ name: String) -> VirtualPath {
        (try? VirtualPath(sent: Array(name.utf8))) ?? .root
    }

    mutating func add(_ drop: CollectPage.Drop) {
        paths[drop.id] = drop.path
        receipts[drop.id] = Self.name("\(StagingLayout.receipts)/\(StagingLayout.receipt(drop.id))")
        // What no client could name has a receipt all the same.
        guard
            let path = try? VirtualPath(sent: Array(StagingLayout.released(drop.path).utf8), room: Self.room)
        else {
            return
        }
        files[path, default: []].append(drop.id)
        var child = path
        while child != Self.ready, !child.isRoot {
            let isNew = directories[child.parent, default: []].insert(Array(child.name)).inserted
            guard isNew else { return }
            child = child.parent
        }
    }

    /// The next names in a directory, in the order of their bytes; nil when there is no such directory.
    mutating func names(in path: VirtualPath, after name: [UInt8]?, limit: Int) -> ArraySlice<[UInt8]>? {
        if sorted[path] == nil {
            let names =
                path == Self.receiptsDirectory
                ? receipts.values.map { Array($0.name) } : directories[path].map(Array.init)
            sorted[path] = names?.sorted { $0.lexicographicallyPrecedes($1) }
        }
        guard let names = sorted[path] else { return nil }
        guard let name else { return names.prefix(limit) }
        var low = 0
        var high = names.count
        while low < high {
            let middle = (low + high) / 2
            if name.lexicographicallyPrecedes(names[middle]) { high = middle } else { low = middle + 1 }
        }
        return names[low...].prefix(limit)
    }

    /// The drop whose receipt has this path; it need not be there.
    static func drop(ofReceipt path: VirtualPath) -> String? {
        guard path.parent == receiptsDirectory else { return nil }
        return drop(ofReceiptName: String(decoding: path.name, as: UTF8.self))
    }

    /// Not listed: a file here says what has become of a drop, also of one that waits no more.
    private static let standingDirectory = name("standing")

    /// The drop whose standing has this path.
    static func drop(ofStanding path: VirtualPath) -> String? {
        guard path.parent == standingDirectory else { return nil }
        return drop(ofReceiptName: String(decoding: path.name, as: UTF8.self))
    }

    static func drop(ofReceiptName name: String) -> String? {
        name.hasSuffix(suffix) ? String(name.dropLast(suffix.count)) : nil
    }
}
