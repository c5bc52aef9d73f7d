// An actor that blocks its own thread and nobody else's.
import Blocking
import Testing

@Suite struct BlockingQueueTests {
    private actor Counter {
        private let executor = BlockingQueue(label: "test")
        private var count = 0

        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

        func next() -> Int {
            assertIsolated()
            count += 1
            return count
        }
    }

    @Test func itsMethodsRunOneAfterTheOther() async {
        let counter = Counter()
        let numbers = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<100 { group.addTask { await counter.next() } }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(numbers == Set(1...100))
    }
}
