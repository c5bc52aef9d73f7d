import Support
import Testing

@testable import Intake

@Suite struct StagingQueueTests {
    private static let limits = StagingQueue<Int64>.Limits(batch: 4, batchBytes: 40, bytes: 100)

    /// A queue that has asked the store once and found nothing.
    private static func caughtUp() -> StagingQueue<Int64> {
        var queue = StagingQueue<Int64>(limits: limits)
        _ = queue.next()
        queue.loaded(through: nil)
        return queue
    }

    private func taken(_ queue: inout StagingQueue<Int64>) -> [Int64]? {
        if case .events(let events) = queue.next() { return events }
        return nil
    }

    @Test func theStoreIsAskedFirst() {
        var queue = StagingQueue<Int64>(limits: Self.limits)
        queue.offer(7, seq: 7, bytes: 1)
        guard case .load(after: -1) = queue.next() else { return #expect(Bool(false), "no load") }
        queue.loaded(through: nil)
        #expect(taken(&queue) == [7] && queue.isEmpty)
    }

    @Test func whatComesWhileTheStoreIsReadIsStagedOnceAndOutOfMemoryWhereItCan() {
        var queue = StagingQueue<Int64>(limits: Self.limits)
        _ = queue.next()
        for seq: Int64 in 5...8 { queue.offer(seq, seq: seq, bytes: 1) }
        queue.loaded(through: 6)
        #expect(!queue.mustLoad, "the page met what is kept")
        #expect(taken(&queue) == [7, 8] && queue.isEmpty)
        queue.offer(6, seq: 6, bytes: 1)
        #expect(queue.isEmpty, "offered later than it was read")
    }

    @Test func aPageThatDoesNotReachWhatIsKeptIsFollowedByTheNextOne() {
        var queue = StagingQueue<Int64>(limits: Self.limits)
        _ = queue.next()
        queue.offer(50, seq: 50, bytes: 1)
        queue.loaded(through: 10)
        guard case .load(after: 10) = queue.next() else { return #expect(Bool(false), "no load") }
        queue.loaded(through: nil)
        #expect(taken(&queue) == [50])
    }

    @Test func aBatchIsBoundedByEventsAndByBytesAndTakesOneThatIsLargerByItself() {
        var queue = Self.caughtUp()
        for seq: Int64 in 1...5 { queue.offer(seq, seq: seq, bytes: 1) }
        #expect(queue.fillsBatch)
        #expect(taken(&queue) == [1, 2, 3, 4] && !queue.fillsBatch)
        queue.offer(6, seq: 6, bytes: 39)
        queue.offer(7, seq: 7, bytes: 50)
        #expect(taken(&queue) == [5, 6] && taken(&queue) == [7] && queue.isEmpty)
    }

    @Test func whatMemoryHasNoRoomForIsReadFromTheStoreWhenMemoryIsEmpty() {
        var queue = Self.caughtUp()
        queue.offer(1, seq: 1, bytes: 60)
        queue.offer(2, seq: 2, bytes: 60)
        queue.offer(3, seq: 3, bytes: 1)
        #expect(taken(&queue) == [1], "what is kept is older")
        guard case .load(after: -1) = queue.next() else { return #expect(Bool(false), "no load") }
        queue.offer(4, seq: 4, bytes: 1)
        queue.loaded(through: 3)
        guard case .load(after: 3) = queue.next() else { return #expect(Bool(false), "no load") }
        queue.loaded(through: nil)
        #expect(taken(&queue) == [4] && queue.isEmpty)
    }

    @Test func afterAFailureAllComesFromTheStore() {
        var queue = Self.caughtUp()
        for seq: Int64 in 1...6 { queue.offer(seq, seq: seq, bytes: 1) }
        #expect(taken(&queue) == [1, 2, 3, 4])
        queue.failed()
        queue.offer(7, seq: 7, bytes: 1)
        guard case .load(after: -1) = queue.next() else { return #expect(Bool(false), "no load") }
        queue.loaded(through: 7)
        #expect(queue.isEmpty)
    }

    /// A store that commits, a gate that offers later, a stager that fails at times: each event is released once and none is
    /// left, whatever comes in between.
    @Test(arguments: 0..<200)
    func eachEventIsReleasedOnceWhateverComesInBetween(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var queue = StagingQueue<Int64>(limits: Self.limits)
        var (committed, offered): (Int64, Int64) = (0, 0)
        var pending: [Int64] = []
        var released: [Int64] = []
        func release(_ events: [Int64]) {
            if random.next() % 10 == 0 { return queue.failed() }
            released += events
            pending.removeAll(where: events.contains)
        }
        func step() {
            switch queue.next() {
            case .nothing: break
            case .events(let events): release(events)
            case .load(let after):
                let page = Array(pending.filter { $0 > after }.prefix(3))
                if random.next() % 2 == 0 { offer() }
                queue.loaded(through: page.last)
                release(page.filter { $0 % 5 != 0 })
            }
        }
        func offer() {
            guard offered < committed else { return }
            offered += 1
            // Every fifth drop is an upload: pending, and not this queue's.
            if offered % 5 != 0 { queue.offer(offered, seq: offered, bytes: Int(random.next() % 60)) }
        }
        for _ in 0..<400 {
            switch random.next() % 4 {
            case 0, 1:
                committed += 1
                pending.append(committed)
            case 2: offer()
            default: step()
            }
        }
        while offered < committed { offer() }
        for _ in 0..<2000 where !queue.isEmpty { step() }
        #expect(queue.isEmpty)
        #expect(released.sorted() == (1...max(1, committed)).filter { $0 % 5 != 0 }, "seed \(seed)")
    }
}
