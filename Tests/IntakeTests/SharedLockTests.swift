// The lock of an account: many readers or one writer, in the order in which they came.
import Synchronization
import Testing

@testable import Intake

/// Closed until it is opened.
@MainActor private final class Door {
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func pass() async {
        if isOpen { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    func open() {
        isOpen = true
        for next in waiting { next.resume() }
        waiting = []
    }
}

/// On one actor, so that a task that was started has come to the lock when it gives way.
@MainActor @Suite(.timeLimit(.minutes(1))) struct SharedLockTests {
    private struct Failure: Error, Equatable {}

    @MainActor private final class Log {
        var events: [String] = []
    }

    private let lock = SharedLock()
    private let log = Log()

    private func start(_ name: String, _ mode: SharedLock.Mode, until door: Door) -> Task<Void, Never> {
        Task { @MainActor in
            await lock.with(mode) {
                log.events.append("+" + name)
                await door.pass()
                log.events.append("-" + name)
            }
        }
    }

    /// Lets everybody go on who can.
    private func giveWay() async { for _ in 0..<20 { await Task.yield() } }

    @Test func readersAreInsideTogether() async {
        let doors = [Door(), Door()]
        let tasks = [start("a", .shared, until: doors[0]), start("b", .shared, until: doors[1])]
        await giveWay()
        #expect(log.events == ["+a", "+b"])
        for door in doors { door.open() }
        for task in tasks { await task.value }
    }

    @Test(arguments: [SharedLock.Mode.shared, .exclusive]) func aWriterIsAlone(_ other: SharedLock.Mode) async
    {
        let doors = [Door(), Door()]
        let tasks = [start("writer", .exclusive, until: doors[0]), start("other", other, until: doors[1])]
        await giveWay()
        #expect(log.events == ["+writer"])
        doors[0].open()
        await giveWay()
        #expect(log.events == ["+writer", "-writer", "+other"])
        doors[1].open()
        for task in tasks { await task.value }
    }

    @Test func everybodyIsServedInTheOrderInWhichTheyCame() async {
        let order: [(name: String, mode: SharedLock.Mode)] = [
            ("r1", .shared), ("r2", .shared), ("w1", .exclusive), ("r3", .shared), ("r4", .shared),
            ("w2", .exclusive), ("w3", .exclusive), ("r5", .shared),
        ]
        let doors = order.map { _ in Door() }
        let tasks = zip(order, doors).map { start($0.name, $0.mode, until: $1) }
        await giveWay()
        #expect(log.events == ["+r1", "+r2"], "a reader does not pass a writer that waits")
        doors[1].open()
        await giveWay()
        #expect(log.events.last == "-r2")
        for door in doors {
            door.open()
            await giveWay()
        }
        for task in tasks { await task.value }
        // Readers that begin together do so in any order.
        var events = log.events
        if events.count > 7 { events[6...7].sort() }
        #expect(
            events == [
                "+r1", "+r2", "-r2", "-r1", "+w1", "-w1", "+r3", "+r4", "-r3", "-r4", "+w2", "-w2", "+w3",
                "-w3",
                "+r5", "-r5",
            ])
    }

    @Test func whoGivesWayGoesOnAfterThoseWhoWait() async {
        let doors = [Door(), Door(), Door()]
        let first = Task { @MainActor in
            await lock.with(.exclusive) {
                log.events.append("+a")
                await doors[0].pass()
                await lock.giveWay()
                log.events.append("-a")
            }
        }
        await giveWay()
        let others = [start("b", .shared, until: doors[1]), start("c", .exclusive, until: doors[2])]
        await giveWay()
        #expect(log.events == ["+a"] && lock.waiters == 2)
        for door in doors { door.open() }
        for task in others + [first] { await task.value }
        #expect(log.events == ["+a", "+b", "-b", "+c", "-c", "-a"])
    }

    @Test(arguments: [SharedLock.Mode.shared, .exclusive])
    func aFailureGivesTheLockBack(_ mode: SharedLock.Mode) async {
        await #expect(throws: Failure.self) {
            try await lock.with(mode) { () async throws(Failure) in throw Failure() }
        }
        #expect(await lock.with(.exclusive) { 7 } == 7)
    }
}

@Suite(.timeLimit(.minutes(1))) struct SharedLockLoadTests {
    private struct Inside {
        var readers = 0
        var writers = 0
        var served = 0
    }

    private final class Room: Sendable {
        let inside = Mutex(Inside())
    }

    @Test func manyTasksNeverMeetAWriter() async {
        let lock = SharedLock()
        let room = Room()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask {
                    let isWriter = number % 5 == 0
                    await lock.with(isWriter ? .exclusive : .shared) {
                        room.inside.withLock {
                            if isWriter { $0.writers += 1 } else { $0.readers += 1 }
                            #expect($0.writers == 0 || ($0.writers == 1 && $0.readers == 0))
                        }
                        await Task.yield()
                        room.inside.withLock {
                            #expect($0.writers == 0 || ($0.writers == 1 && $0.readers == 0))
                            if isWriter { $0.writers -= 1 } else { $0.readers -= 1 }
                            $0.served += 1
                        }
                    }
                }
            }
        }
        #expect(room.inside.withLock { $0.served } == 400)
    }
}
