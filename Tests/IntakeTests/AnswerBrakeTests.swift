import Synchronization
import Testing

@testable import Intake

@Suite struct AnswerBrakeTests {
    private final class Told: Sendable {
        private let numbers = Mutex<[Int]>([])
        var all: [Int] { numbers.withLock { $0 } }

        func answer(_ number: Int) -> AnswerBrake.Answer { { self.numbers.withLock { $0.append(number) } } }
    }

    private let told = Told()

    private func begin(_ range: Range<Int>, _ brake: inout AnswerBrake) {
        for number in range {
            let answer = told.answer(number)
            if brake.begin(answer) { answer() }
        }
    }

    private func end(_ count: Int, _ brake: inout AnswerBrake) { for answer in brake.end(count) { answer() } }

    @Test func upToTheLimitAnswersAreGivenAtOnceAndBeyondItInOrderAsRoomComes() {
        var brake = AnswerBrake(limit: 3)
        begin(0..<6, &brake)
        #expect(told.all == [0, 1, 2] && brake.waiting == 6)
        end(1, &brake)
        #expect(told.all == [0, 1, 2, 3])
        begin(6..<7, &brake)
        end(2, &brake)
        #expect(told.all == [0, 1, 2, 3, 4, 5] && brake.waiting == 4)
        end(4, &brake)
        #expect(told.all == Array(0..<7) && brake.waiting == 0)
    }

    @Test func whatWaitsFromBeforeTheStartHoldsNobodyUntilAllOfItIsStaged() {
        var brake = AnswerBrake(limit: 3)
        brake.add(1_000)
        begin(0..<5, &brake)
        #expect(told.all.isEmpty && brake.holdsAnswers)
        end(2, &brake)
        #expect(told.all == [0, 1] && brake.waiting == 1_003)
        begin(5..<6, &brake)
        #expect(told.all == [0, 1])
        end(512, &brake)
        #expect(told.all == Array(0..<6) && !brake.holdsAnswers)
    }

    /// Commit and offer are two steps, and the stager reads from the store in between.
    @Test func whatIsStagedBeforeItBeginsToWaitDoesNotWaitForEver() {
        var brake = AnswerBrake(limit: 1)
        end(2, &brake)
        begin(0..<2, &brake)
        #expect(told.all == [0, 1] && brake.waiting == 0)
    }

    /// Each sender sends its next event when the last one is answered.
    @Test func whatWaitsDoesNotGrowWhileSendersAreFasterThanStaging() {
        var brake = AnswerBrake(limit: 100)
        let senders = 64
        var sent = 0
        for _ in 0..<50 {
            while sent - told.all.count < senders, sent < 10_000 {
                begin(sent..<sent + 1, &brake)
                sent += 1
            }
            #expect(brake.waiting <= 100 + senders)
            end(16, &brake)
        }
        #expect(told.all == Array(0..<told.all.count))
    }

    @Test func whileStagingDoesNotWorkNobodyWaitsForIt() {
        var brake = AnswerBrake(limit: 1)
        begin(0..<3, &brake)
        for answer in brake.release() { answer() }
        begin(3..<5, &brake)
        #expect(told.all == [0, 1, 2, 3, 4])
        end(1, &brake)
        begin(5..<6, &brake)
        #expect(told.all == [0, 1, 2, 3, 4] && brake.waiting == 5, "it works again")
        end(5, &brake)
        #expect(told.all == [0, 1, 2, 3, 4, 5] && brake.waiting == 0)
    }
}
