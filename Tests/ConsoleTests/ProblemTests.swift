// What the API answers to what a service has thrown.
import Admission
import Files
import Foundation
import HTTPTypes
import Intake
import Ledger
import Management
import Staging
import Testing

@testable import Console

@Suite struct ProblemTests {
    @Test(arguments: [Reason.forbiddenOperation, .rateLimited])
    func whatCannotBeDoneNowAndIsNoMatterOfItsFilesIsTold(reason: Reason) {
        let problem = Problem(IntakeError(reason, "look again", retryAfter: 30))
        #expect(problem.status == .serviceUnavailable && problem.code == "try_later")
        #expect(problem.headers[.retryAfter] == "30" && problem.detail == "look again")
    }

    @Test func whatSomebodyHasToMendIsWorthAnotherTryLater() {
        let problem = Problem(ManagementError(.configuration, "ready is a symbolic link", fix: "put it back"))
        #expect(problem.status == .serviceUnavailable && problem.code == "try_later")
        #expect(problem.headers[.retryAfter] == "60" && problem.detail.contains("`dropgate doctor`"))
    }

    /// What names a file of the machine, wherever it comes from. What may be told is listed in the code, and not what is kept back.
    static let ofFiles: [ManagementError] = [
        ManagementError(.configuration, "/var/lib/x is a symbolic link", fix: "put /var/lib/x back"),
        ManagementError(.unavailable, "there is nothing at /var/lib/x", retryAfter: 60),
        ManagementError(
            .configuration, "/var/lib/x is a symbolic link",
            cause: StagingError(.obstructed, "/var/lib/x is a symbolic link")),
        ManagementError(
            .configuration, "cannot read /var/lib/x", cause: FileError(message: "cannot read /var/lib/x")),
        ManagementError(IntakeError(.stagingFull, "/var/lib/x has 1 byte free", retryAfter: 60)),
        ManagementError(IntakeError(.ledgerFailed, "cannot read /var/lib/x", retryAfter: 60)),
        ManagementError(
            .configuration, "/var/lib/x belongs to root", fix: "chown dropgate /var/lib/x",
            cause: LedgerError(.unwritable, "/var/lib/x belongs to root")),
        ManagementError(
            .unavailable, "cannot write /var/lib/x", retryAfter: 60,
            cause: LedgerError(.unwritable, "cannot write /var/lib/x", mayPass: true)),
    ]

    @Test(arguments: ofFiles)
    func whatIsWrongOnTheGatesMachineIsForItsKeeper(error: ManagementError) {
        let problem = Problem(error)
        #expect(problem.status == .serviceUnavailable && problem.headers[.retryAfter] == "60")
        #expect(!problem.detail.contains("/var/lib/x") && !problem.detail.isEmpty)
    }

    static let failures: [any Error] = [
        ManagementError(.internalError, "cannot read /var/lib/x"), SystemError(EIO),
        LedgerError(.forked, "/var/lib/x is not what was signed"),
    ]

    @Test(arguments: failures)
    func whyAGateFailedIsForItsLog(error: any Error) {
        let problem = Problem(error)
        #expect(problem.status == .internalServerError && problem.detail.contains("its log says what"))
        #expect(problem.logged == ManagementError.of(error)?.description ?? "\(error)")
    }

    @Test func whatIsDoneInPartIsAFailureThatSaysWhatIsDone() {
        let problem = Problem(
            IntakeError(.forbiddenOperation, "it is withdrawn, and its bytes are there", isHalfDone: true))
        #expect(problem.status == .internalServerError && problem.headers[.retryAfter] == nil)
        #expect(problem.detail == "it is withdrawn, and its bytes are there" && problem.logged != nil)
    }

    @Test func whatIsRefusedIsNoFailureAndIsNotTriedAgain() {
        let problem = Problem(ManagementError(.refused, "it is withdrawn"))
        #expect(problem.status == .conflict && problem.headers[.retryAfter] == nil)
    }
}
