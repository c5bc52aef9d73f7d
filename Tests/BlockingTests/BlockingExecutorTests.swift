// Blocking work: what its caller gets, when it is given up, and how many threads it may take.
import Blocking
import Dispatch
import Synchronization
import Testing

@Suite struct BlockingExecutorTests {
    private struct Trouble: Error, Equatable {}

    /// A call that blocks until it is let go.
    private final class Gate: Sendable {
        private let entered = AsyncStream.makeStream(of: Void.self)
        private let release = DispatchSemaphore(value: 0)

        func block() {
            entered.continuation.yield()
            release.wait()
        }

        func open() { release.signal() }

        /// Returns once so many calls block.
        func hasBlocked(_ count: Int) async {
            for await _ in entered.stream.prefix(count) {}
        }
    }

    private final class Shared<Value: Sendable>: Sendable {
        private let value: Mutex<Value>

        init(_ value: Value) { self.value = Mutex(value) }

        var now: Value { value.withLock { $0 } }

        func change(_ body: (inout Value) -> Void) { value.withLock { body(&$0) } }
    }

    private func executor(width: Int) -> BlockingExecutor { BlockingExecutor(label: "test", width: width) }

    @Test func theCallerGetsTheValueOrTheError() async throws {
        let executor = executor(width: 1)
        #expect(try await executor.run { 7 } == 7)
        #expect(await executor.runToEnd { 8 } == 8)
        await #expect(throws: Trouble()) { try await executor.run { throw Trouble() } }
        await #expect(throws: Trouble()) {
            try await executor.runToEnd { () throws(Trouble) in throw Trouble() }
        }
    }

    @Test func aCancelledCallerWaitsNoLongerAndTheLateValueIsHandedOver() async throws {
        let (executor, gate) = (executor(width: 1), Gate())
        let late = AsyncStream.makeStream(of: Int.self)
        let task = Task {
            try await executor.run {
                gate.block()
                return 7
            } late: {
                late.continuation.yield($0)
            }
        }
        await gate.hasBlocked(1)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        gate.open()
        #expect(await late.stream.first { _ in true } == 7)
    }

    @Test func aCallWhoseCallerHasGoneBeforeItsTurnIsLeftOut() async throws {
        let (executor, gate) = (executor(width: 1), Gate())
        let wasMade = Shared(false)
        async let first: Void = executor.runToEnd { gate.block() }
        await gate.hasBlocked(1)
        let second = Task { try await executor.run { wasMade.change { $0 = true } } }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        gate.open()
        await first
        // After all that waited.
        await executor.runToEnd {}
        #expect(wasMade.now == false)
    }

    @Test func aChangeIsMadeWhateverBecomesOfItsCaller() async {
        let (executor, gate) = (executor(width: 1), Gate())
        let task = Task {
            await executor.runToEnd {
                gate.block()
                return 7
            }
        }
        await gate.hasBlocked(1)
        task.cancel()
        gate.open()
        #expect(await task.value == 7)
    }

    @Test func noMoreCallsRunAtOnceThanItIsWide() async {
        let (executor, gate) = (executor(width: 3), Gate())
        let counts = Shared((running: 0, most: 0, ended: 0))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    await executor.runToEnd {
                        counts.change { counts in
                            counts.running += 1
                            counts.most = max(counts.most, counts.running)
                        }
                        gate.block()
                        counts.change { counts in
                            counts.running -= 1
                            counts.ended += 1
                        }
                    }
                }
            }
            await gate.hasBlocked(3)
            for _ in 0..<20 { gate.open() }
        }
        #expect(counts.now == (0, 3, 20))
    }

    @Test func whatWaitsIsDoneInTheOrderInWhichItCame() async {
        let (executor, gate) = (executor(width: 1), Gate())
        let order = Shared<[Int]>([])
        async let first: Void = executor.runToEnd { gate.block() }
        await gate.hasBlocked(1)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<5 {
                group.addTask(executorPreference: executor) { order.change { $0.append(number) } }
            }
            // Tasks are bound to its threads, too: it has one, and that is busy.
            for _ in 0..<5 { await self.executor(width: 1).runToEnd {} }
            #expect(order.now.isEmpty)
            gate.open()
        }
        await first
        #expect(order.now == [0, 1, 2, 3, 4])
    }

    @Test func whatATaskOnItDoesAndItsChildrenDoRunsThere() async {
        let executor = executor(width: 1)
        let places = await withTaskExecutorPreference(executor) {
            async let child = Self.place()
            return [await Self.place(), await child]
        }
        #expect(places == [executor.asUnownedTaskExecutor(), executor.asUnownedTaskExecutor()])
        #expect(await Self.place() == nil)
    }

    private static func place() async -> UnownedTaskExecutor? {
        withUnsafeCurrentTask { $0?.unownedTaskExecutor }
    }

    @Test func aThreadThatWaitsGivesUpWhenItsTimeIsOver() async {
        let (executor, gate) = (executor(width: 2), Gate())
        let thread = BlockingExecutor(label: "caller", width: 1)
        #expect(await thread.runToEnd { executor.wait(for: .seconds(60)) { 7 } } == 7)
        let late = await thread.runToEnd { () -> Int? in
            executor.wait(for: .milliseconds(1)) {
                gate.block()
                return 7
            }
        }
        #expect(late == nil)
        gate.open()
    }
}
