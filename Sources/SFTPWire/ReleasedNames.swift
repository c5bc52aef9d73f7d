// What this session has released, as its sender still sees it: clients check a size after CLOSE, set times,
// and remove or rename what they have sent. Changing it changes nothing on disk.

struct ReleasedNames: Sendable {
    private struct Record {
        var node: Node
        var order: Int
    }
    private var records: [VirtualPath: Record] = [:]
    private var order = 0
    private let limit: Int

    init(limit: Int = WireLimit.releasedNames) {
        self.limit = limit
    }

    subscript(path: VirtualPath) -> Node? { records[path]?.node }

    mutating func insert(_ path: VirtualPath, _ node: Node) {
        order += 1
        records[path] = Record(node: node, order: order)
        if records.count > limit { forgetOlderHalf() }
    }

    mutating func setModified(_ path: VirtualPath, _ seconds: Int64) {
        records[path]?.node.modified = seconds
    }

    mutating func remove(_ path: VirtualPath) {
        records[path] = nil
    }

    mutating func rename(_ from: VirtualPath, to: VirtualPath) {
        guard let record = records.removeValue(forKey: from) else { return }
        records[to] = record
    }

    /// A directory was renamed: what lies inside goes with it.
    mutating func renameInside(_ from: VirtualPath, to: VirtualPath) {
        for path in records.keys.filter({ $0.isInside(from) }) {
            rename(path, to: path.moved(from: from, to: to))
        }
    }

    func hasNames(inside directory: VirtualPath) -> Bool {
        records.keys.contains { $0.isInside(directory) }
    }

    func entries(of directory: VirtualPath) -> [DirectoryEntry] {
        records.compactMap { path, record in
            path.parent == directory ? DirectoryEntry(name: Array(path.name), node: record.node) : nil
        }
    }

    private mutating func forgetOlderHalf() {
        let middle = records.values.map(\.order).sorted()[records.count / 2]
        records = records.filter { $0.value.order >= middle }
    }
}
