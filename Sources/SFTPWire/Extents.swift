// Which bytes of an upload have arrived: sorted, disjoint, never adjacent ranges. Only arithmetic; a hole
// made by a longer size is not an extent.

package struct Extents: Equatable, Sendable {
    package private(set) var ranges: [Range<Int64>] = []

    package init() {}

    /// Everything from 0 to `prefix`.
    package init(prefix: Int64) {
        if prefix > 0 { ranges = [0..<prefix] }
    }

    /// Bytes that have arrived without a gap from the start.
    package var prefix: Int64 {
        guard let first = ranges.first, first.lowerBound == 0 else { return 0 }
        return first.upperBound
    }

    /// One past the last byte that has arrived.
    package var end: Int64 { ranges.last?.upperBound ?? 0 }

    /// All bytes that have arrived.
    package var count: Int64 { ranges.reduce(0) { $0 + Int64($1.count) } }

    /// The first missing bytes below `size`; nil when [0,size) is whole.
    package func firstGap(below size: Int64) -> Range<Int64>? {
        let prefix = self.prefix
        guard prefix < size else { return nil }
        let next = prefix == 0 ? ranges.first : ranges.dropFirst().first
        return prefix..<min(size, next?.lowerBound ?? size)
    }

    package mutating func insert(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        // The common case: the piece follows all that is there.
        if let last = ranges.last, last.upperBound == range.lowerBound {
            ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            return
        }
        let low = firstIndex { $0.upperBound >= range.lowerBound }
        let high = firstIndex { $0.lowerBound > range.upperBound }
        guard low < high else {
            ranges.insert(range, at: low)
            return
        }
        let merged =
            min(ranges[low].lowerBound, range.lowerBound)..<max(ranges[high - 1].upperBound, range.upperBound)
        ranges.replaceSubrange(low..<high, with: CollectionOfOne(merged))
    }

    /// Forgets everything from `size` on.
    package mutating func truncate(to size: Int64) {
        while let last = ranges.last, last.upperBound > size {
            ranges.removeLast()
            if last.lowerBound < size { ranges.append(last.lowerBound..<size) }
        }
    }

    /// Forgets everything before `end`.
    package mutating func forget(below end: Int64) {
        while let first = ranges.first, first.lowerBound < end {
            ranges.removeFirst()
            if first.upperBound > end { ranges.insert(end..<first.upperBound, at: 0) }
        }
    }

    /// Binary search: the first range for which `matches` holds; it holds for all after it.
    private func firstIndex(where matches: (Range<Int64>) -> Bool) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if matches(ranges[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
