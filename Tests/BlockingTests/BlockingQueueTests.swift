// An actor that blocks its own thread and nobody else's.
import Blocking
import Dispatch
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1))) struct BlockingQueueTests {
    private actor Counter {
        private let executor = BlockingQueue(label: "test")
        private var count = 0

        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

        func next() -> Int {
            assertIsolated()
            count += 1
            return count
        }

        func block(_ began: AsyncStream<Void>.Continuation, until end: DispatchSemaphore) {
            began.yield()
            end.wait()
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

    @Test func moreOfThemMayBlockThanSwiftHasThreads() async {
        let count = ProcessInfo.processInfo.activeProcessorCount + 1
        let (blocked, begin) = AsyncStream.makeStream(of: Void.self)
        let end = DispatchSemaphore(value: 0)
        let tasks = (0..<count).map { _ in Task { await Counter().block(begin, until: end) } }
        var each = blocked.makeAsyncIterator()
        for _ in tasks { await each.next() }
        #expect(await Task { 7 }.value == 7)
        for _ in tasks { end.signal() }
        for task in tasks { await task.value }
    }
}
