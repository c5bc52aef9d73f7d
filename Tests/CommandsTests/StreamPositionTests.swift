// Where a follower of released drops goes on.
import Support
import Testing

@testable import Management

@Suite struct StreamPositionTests {
    @Test(arguments: ["-1", "0", "120", "120-87", "120-87-91", "9007199254740991-0"])
    func whatWasWrittenIsReadAgain(text: String) throws {
        let position = try #require(StreamPosition(text))
        #expect(position.description == text)
        #expect(try text.contains(Regex(StreamPosition.pattern)))
    }

    @Test(arguments: [
        "", "-", "-2", "--1", "+1", "1-", "1-1", "1-2", "10-7-5", "10-5-5", "01", "10-05", "1.0", " 1", "1 ",
        "x", "-1-1",
        "99999999999999999999",
    ])
    func whatWouldBeWrittenInAnotherWayIsRefused(text: String) {
        #expect(StreamPosition(text) == nil)
    }

    @Test func noMoreMayBeLeftOutThanTheBound() {
        func text(_ count: Int) -> String { (["1000"] + (0..<count).map(String.init)).joined(separator: "-") }
        #expect(StreamPosition(text(StreamPosition.mostOpen)) != nil)
        #expect(StreamPosition(text(StreamPosition.mostOpen + 1)) == nil)
    }

    /// Drops of entries 0… are released in any order, and a follower that is interrupted at each of them gets each once.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func whoGoesOnFromAnyPositionGetsEachOnce(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let count = 60
        var order = (0..<Int64(count)).map { $0 }
        // Near to their order, as they are released in practice.
        for index in order.indices where Int(random.next() % 3) == 0 {
            order.swapAt(index, min(count - 1, index + Int(random.next() % 8)))
        }
        var released: Set<Int64> = []
        var (given, position): ([Int64], StreamPosition) = ([], .beginning)
        for seq in order {
            released.insert(seq)
            guard random.next() % 4 == 0 || released.count == count else { continue }
            for late in position.open where released.contains(late) {
                position.give(late, pending: [])
                given.append(late)
            }
            let pending = (0..<Int64(count)).filter { $0 > position.last && !released.contains($0) }
            for new in released.sorted() where new > position.last {
                position.give(new, pending: pending)
                given.append(new)
                // As text and back: what it is given as the id of an event.
                position = try #require(StreamPosition("\(position)"))
            }
        }
        #expect(given.sorted() == (0..<Int64(count)).map { $0 })
        #expect(position == StreamPosition(last: Int64(count) - 1))
    }
}
