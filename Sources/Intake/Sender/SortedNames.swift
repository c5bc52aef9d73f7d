// Names of one directory in the order of their bytes. Pure.

struct SortedNames: Sendable {
    private var names: [[UInt8]] = []

    var isEmpty: Bool { names.isEmpty }

    /// All of them.
    var all: [[UInt8]] { names }

    /// The names after one and up to another; nil: from the first, to the last.
    func names(after first: [UInt8]?, through last: [UInt8]? = nil) -> ArraySlice<[UInt8]> {
        let start = first.map { index(after: $0) } ?? 0
        let end = last.map { index(after: $0) } ?? names.count
        return names[start..<max(start, end)]
    }

    /// Adding one that is there changes nothing.
    mutating func insert(_ name: [UInt8]) {
        let (index, isThere) = position(of: name)
        if !isThere { names.insert(name, at: index) }
    }

    mutating func remove(_ name: [UInt8]) {
        let (index, isThere) = position(of: name)
        if isThere { names.remove(at: index) }
    }

    private func index(after name: [UInt8]) -> Int {
        let (index, isThere) = position(of: name)
        return isThere ? index + 1 : index
    }

    /// Where a name is, or belongs.
    private func position(of name: [UInt8]) -> (index: Int, isThere: Bool) {
        var low = 0
        var high = names.count
        while low < high {
            let middle = (low + high) / 2
            if names[middle].lexicographicallyPrecedes(name) { low = middle + 1 } else { high = middle }
        }
        return (low, low < names.count && names[low] == name)
    }
}
