// What the API answers to what a service has thrown.
import HTTPTypes
import Management
import Testing

@testable import Console

@Suite struct ProblemTests {
    @Test func whatCannotBeDoneNowSaysWhenToTryAgain() {
        let problem = Problem(ManagementError(.unavailable, "staging fails", retryAfter: 30))
        #expect(problem.status == .serviceUnavailable && problem.code == "try_later")
        #expect(problem.headers[.retryAfter] == "30" && problem.detail == "staging fails")
    }

    @Test func whatSomebodyHasToMendIsWorthAnotherTryLater() {
        let problem = Problem(ManagementError(.configuration, "ready is a symbolic link", fix: "put it back"))
        #expect(problem.status == .serviceUnavailable && problem.code == "try_later")
        #expect(problem.headers[.retryAfter] == "60" && problem.detail.hasSuffix("; put it back"))
    }

    @Test func whatIsRefusedIsNoFailureAndIsNotTriedAgain() {
        let problem = Problem(ManagementError(.refused, "it is withdrawn"))
        #expect(problem.status == .conflict && problem.headers[.retryAfter] == nil)
    }
}
