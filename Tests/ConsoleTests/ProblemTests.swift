// What the API answers to what a service has thrown.
import HTTPTypes
import Ledger
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

    @Test(arguments: [
        ManagementError(
            .configuration, "/var/lib/x belongs to root", fix: "chown dropgate /var/lib/x",
            cause: LedgerError(.unwritable, "/var/lib/x belongs to root")),
        ManagementError(
            .unavailable, "cannot write /var/lib/x", retryAfter: 60,
            cause: LedgerError(.unwritable, "cannot write /var/lib/x", mayPass: true)),
    ])
    func whatIsWrongOnTheGatesMachineIsForItsKeeper(error: ManagementError) {
        let problem = Problem(error)
        #expect(problem.status == .serviceUnavailable && problem.headers[.retryAfter] == "60")
        #expect(!problem.detail.contains("/var/lib/x") && !problem.detail.isEmpty)
    }

    @Test func whatIsRefusedIsNoFailureAndIsNotTriedAgain() {
        let problem = Problem(ManagementError(.refused, "it is withdrawn"))
        #expect(problem.status == .conflict && problem.headers[.retryAfter] == nil)
    }
}
