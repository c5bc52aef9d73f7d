// The keys of the newest drops, in memory: their rows are the durable form. Pure.

/// Keys of drops by their hash, in the order in which they came. What was added last can be taken back.
struct DropKeyTail {
    private struct Item {
        var key: DropKey
        /// The item before it with the same hash; -1: none.
        var previous: Int32
    }

    /// A place to go back to.
    struct Mark {
        fileprivate var items: Int
        fileprivate var drops: Int
    }

    private var items: [Item] = []
    private var last: [Int64: Int32] = [:]
    private(set) var drops = 0

    var mark: Mark { Mark(items: items.count, drops: drops) }
    var keys: [DropKey] { items.map(\.key) }

    mutating func add(_ seq: Int64, _ hashes: [Int64]) {
        for hash in hashes {
            let previous = last.updateValue(Int32(items.count), forKey: hash)
            items.append(Item(key: DropKey(hash: hash, seq: seq), previous: previous ?? -1))
        }
        drops += 1
    }

    /// Adds the numbers of the drops with this hash to a list.
    func collect(_ hash: Int64, into seqs: inout [Int64]) {
        var at = last[hash] ?? -1
        while at >= 0 {
            seqs.append(items[Int(at)].key.seq)
            at = items[Int(at)].previous
        }
    }

    /// Takes back what was added since.
    mutating func goBack(to mark: Mark) {
        while items.count > mark.items {
            let item = items.removeLast()
            last[item.key.hash] = item.previous >= 0 ? item.previous : nil
        }
        drops = mark.drops
    }

    /// Forgets what was there before.
    mutating func forget(before mark: Mark) {
        let rest = items[mark.items...].map(\.key)
        let count = drops - mark.drops
        self = DropKeyTail()
        for key in rest { add(key.seq, [key.hash]) }
        drops = count
    }
}
