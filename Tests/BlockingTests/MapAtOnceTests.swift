// Values in the order of what they were made of, all of it waited for together.
import Blocking
import Testing

@Suite(.timeLimit(.minutes(1))) struct MapAtOnceTests {
    @Test func valuesComeInTheOrderOfTheElementsAndNotOfTheirEnds() async {
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        // The first one ends only when the last one has begun.
        let values = await [1, 2, 3].mapAtOnce { number in
            if number == 1 { for await _ in ends {} }
            if number == 3 { end.finish() }
            return number * 10
        }
        #expect(values == [10, 20, 30])
    }

    @Test func nothingMakesNothing() async {
        #expect(await [Int]().mapAtOnce { $0 }.isEmpty)
    }
}
