// Extents against the plainest thing that could be right: one flag a byte.
import SFTPWire
import Support
import Testing

@Suite struct ExtentsTests {
    @Test(arguments: 0..<200)
    func behaveLikeABitmap(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let size = Int.random(in: 1...120, using: &random)
        var bitmap = [Bool](repeating: false, count: size)
        var extents = Extents()
        for _ in 0..<60 {
            let low = Int.random(in: 0...size, using: &random)
            let kind = Int.random(in: 0..<12, using: &random)
            if kind == 0 {
                extents.forget(below: Int64(low))
                for index in 0..<low { bitmap[index] = false }
            } else if kind < 3 {
                extents.truncate(to: Int64(low))
                for index in low..<size { bitmap[index] = false }
            } else {
                let high = Int.random(in: low...min(size, low + 20), using: &random)
                extents.insert(Int64(low)..<Int64(high))
                for index in low..<high { bitmap[index] = true }
            }
            #expect(extents.ranges == runs(bitmap))
            #expect(extents.count == Int64(bitmap.filter { $0 }.count))
            #expect(extents.end == Int64((bitmap.lastIndex(of: true) ?? -1) + 1))
            #expect(extents.prefix == Int64(bitmap.firstIndex(of: false) ?? size))
            let gap = extents.firstGap(below: Int64(size))
            #expect(gap?.lowerBound == bitmap.firstIndex(of: false).map(Int64.init))
            if let gap, let low = bitmap.firstIndex(of: false) {
                let high = bitmap[low...].firstIndex(of: true) ?? size
                #expect(gap.upperBound == Int64(high))
            }
        }
    }

    private func runs(_ bitmap: [Bool]) -> [Range<Int64>] {
        var found: [Range<Int64>] = []
        for index in bitmap.indices where bitmap[index] {
            if let last = found.last, last.upperBound == Int64(index) {
                found[found.count - 1] = last.lowerBound..<Int64(index + 1)
            } else {
                found.append(Int64(index)..<Int64(index + 1))
            }
        }
        return found
    }

    @Test func anEmptyFileHasNoGap() {
        #expect(Extents().firstGap(below: 0) == nil)
        #expect(Extents().firstGap(below: 5) == 0..<5)
    }
}
