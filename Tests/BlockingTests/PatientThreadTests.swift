// Work beside other work: when it is done, on what thread, and that it ends with its owner.
import Blocking
import Foundation
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct PatientThreadTests {
    private final class Done: Sendable {
        private let numbers = Mutex<[Int]>([])
        private let news = DispatchSemaphore(value: 0)

        func add(_ number: Int) {
            numbers.withLock { $0.append(number) }
            news.signal()
        }

        func first(_ count: Int) -> [Int] {
            for _ in 0..<count where news.wait(timeout: .now() + 30) == .timedOut { break }
            return numbers.withLock { $0 }
        }
    }

    @Test func workIsDoneWhenItIsDueNotWhenItWasAskedFor() {
        let (thread, done) = (PatientThread(label: "test"), Done())
        let began = ContinuousClock.now
        thread.begin(after: .seconds(3600)) { done.add(3) }
        thread.begin(after: .milliseconds(50)) { done.add(2) }
        #expect(done.first(1) == [2])
        #expect(began.duration(to: .now) >= .milliseconds(50))
        thread.begin(after: .seconds(0)) { done.add(1) }
        #expect(done.first(1) == [2, 1])
    }

    @Test func workMayBeginOtherWork() {
        let (thread, done) = (PatientThread(label: "test"), Done())
        @Sendable func count(_ number: Int) {
            done.add(number)
            if number < 100 { thread.begin(after: .seconds(0)) { count(number + 1) } }
        }
        thread.begin(after: .seconds(0)) { count(1) }
        #expect(done.first(100) == Array(1...100))
    }

    /// Or each thread that comes after it would be slow as well.
    @Test func itsThreadAloneIsNicerThanTheProcess() {
        let (thread, done) = (PatientThread(label: "test"), Done())
        let whose = __priority_which_t(PRIO_PROCESS.rawValue)
        let own = getpriority(whose, 0)
        thread.begin(after: .seconds(0)) { done.add(Int(getpriority(whose, 0))) }
        #expect(done.first(1) == [Int(min(own + 10, 19))])
        #expect(getpriority(whose, 0) == own)
    }

    @Test func itEndsWithItsOwnerAndLeavesOutWhatIsNotDue() {
        final class Held: Sendable {
            let isFree: @Sendable () -> Void
            init(_ isFree: @escaping @Sendable () -> Void) { self.isFree = isFree }
            deinit { isFree() }
        }
        let done = Done()
        do {
            let held = Held { done.add(2) }
            let thread = PatientThread(label: "test")
            thread.begin(after: .seconds(3600)) {
                _ = held; done.add(0)
            }
            thread.begin(after: .seconds(0)) { done.add(1) }
            #expect(done.first(1) == [1])
        }
        // What it was to do goes with the thread.
        #expect(done.first(1) == [1, 2])
    }
}
