// Problems of a running gate: since when they stand, and what to do.
import Admission
import Intake
import Synchronization
import Testing

@Suite struct HealthTests {
    @Test func aProblemStandsSinceItWasFirstRaisedUntilItIsCleared() {
        let time = Mutex(Instant(microseconds: 1_000_000))
        let health = Health { time.withLock(\.self) }
        health.set(problem: "witness", of: "a", message: "a fails")
        time.withLock { $0 += .seconds(60) }
        health.set(problem: "witness", of: "b", message: "b fails")
        health.set(problem: "witness", of: "a", message: "a fails again")
        #expect(health.standing["witness"]?.message == "a fails again; b fails")
        #expect(health.standing["witness"]?.since == "1970-01-01T00:00:01.000000Z")
        health.clear(problem: "witness", of: "a")
        health.clear(problem: "witness", of: "b")
        #expect(health.standing.isEmpty)
        health.set(problem: "witness", of: "b", message: "b fails")
        #expect(health.standing["witness"]?.since == "1970-01-01T00:01:01.000000Z")
    }

    @Test func aProblemOfThousandsNamesAFewAndCountsTheOthers() {
        let health = Health()
        for number in 1000..<2000 { health.set(problem: "release", of: "\(number)", message: "no \(number)") }
        #expect(health.problems["release"]?.hasPrefix("no 1000; no 1001; ") == true)
        #expect(health.problems["release"]?.hasSuffix("no 1009; and 990 more") == true)
        for number in 1010..<2000 { health.clear(problem: "release", of: "\(number)") }
        #expect(health.problems["release"]?.hasSuffix("; no 1009") == true)
    }

    @Test(arguments: HealthProblem.allCases) func everyProblemSaysWhatToDo(_ problem: HealthProblem) {
        let health = Health()
        health.set(problem: problem.rawValue, message: "x")
        #expect(health.standing[problem.rawValue]?.fix == problem.fix && problem.fix.count > 20)
    }

    @Test func aProblemThatNobodyDescribedPointsToTheLog() {
        #expect(HealthProblem.fix(for: "of tomorrow").contains("log"))
    }
}
