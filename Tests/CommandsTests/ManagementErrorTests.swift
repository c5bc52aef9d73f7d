// What is said of something that was not done: what is wrong, and apart from it what can be done.
import Admission
import Audit
import Intake
import Ledger
import Management
import SFTPReceiver
import Settings
import Staging
import Testing

@Suite struct ManagementErrorTests {
    @Test func theFixFollowsTheMessageOnOneLine() {
        #expect("\(ManagementError(.refused, "it is shut", fix: "open it"))" == "it is shut; open it")
        #expect("\(ManagementError(.refused, "it is shut"))" == "it is shut")
    }

    @Test func whatTheGateRefusesForNowIsToldFromWhatItRefuses() {
        let later = ManagementError.of(IntakeError(.stagingFull, "the disk is full", retryAfter: 60))
        #expect(later?.code == .unavailable && later?.retryAfter == 60)
        #expect(later?.description == "the disk is full")
        let never = ManagementError.of(IntakeError(.forbiddenOperation, "its consumer has it"))
        #expect(never?.code == .refused && never?.retryAfter == nil)
    }

    @Test func aLedgerThatAnotherProcessHoldsIsWorthAnotherTryAndOneThatMayNotBeReadIsForAPerson() {
        for code in [.locked, .busy] as [LedgerError.Code] {
            let held = ManagementError.of(LedgerError(code, "it is held"))
            #expect(held?.code == .unavailable && held?.retryAfter == 5)
        }
        let closed = ManagementError.of(LedgerError(.denied, "it is closed"))
        #expect(closed?.code == .configuration && closed?.retryAfter == nil)
    }

    @Test(
        arguments: [
            (LedgerError(.unwritable, "it is full", fix: "make room", mayPass: true), .unavailable),
            (LedgerError(.unreadable, "it is held", fix: "try again", mayPass: true), .unavailable),
            (LedgerError(.unwritable, "it is another's", fix: "chown it"), .configuration),
            (LedgerError(.unwritable, "it is so"), .internalError),
            (LedgerError(.unreadable, "it is damaged", fix: "put it back"), .internalError),
        ] as [(LedgerError, ManagementError.Code)])
    func whatPassesOrItsKeeperMendsIsNoFailureOfTheGate(error: LedgerError, expected: ManagementError.Code) {
        let known = ManagementError.of(error)
        #expect(known?.code == expected && known?.fix == error.fix)
        #expect(known?.retryAfter == (expected == .unavailable ? 30 : nil))
    }

    @Test(
        arguments: [
            (.busy, .unavailable), (.failed, .internalError), (.missing, .configuration),
            (.badPath, .configuration),
            (.refused, .configuration), (.hostKey, .configuration),
        ] as [(SSHDError.Code, ManagementError.Code)])
    func whatPassesOfSSHDIsWorthAnotherTry(code: SSHDError.Code, expected: ManagementError.Code) {
        let error = ManagementError.of(SSHDError(code, "it is so"))
        #expect(error?.code == expected && (error?.retryAfter != nil) == (expected == .unavailable))
    }

    @Test func ofWhichPartAnErrorIsChangesNothingElseOfIt() {
        let error = ManagementError(.unavailable, "it is full", fix: "make room", retryAfter: 60).prefixed(
            by: "sftp")
        #expect(error.code == .unavailable && error.message == "sftp: it is full")
        #expect(error.fix == "make room" && error.retryAfter == 60)
    }

    @Test(
        arguments: [
            (.denied, .configuration), (.obstructed, .configuration), (.full, .unavailable),
            (.badPath, .internalError), (.damaged, .internalError), (.failed, .internalError),
        ] as [(StagingError.Code, ManagementError.Code)])
    func whatAPersonSetsRightInStagingIsNoFailureOfTheGate(
        code: StagingError.Code, expected: ManagementError.Code
    ) {
        let error = ManagementError.of(StagingError(code, "it is so", fix: "mend it"))
        #expect(error?.code == expected && error?.fix == "mend it")
        #expect((error?.retryAfter != nil) == (expected == .unavailable))
        let bare = ManagementError.of(StagingError(code, "it is so"))
        #expect((bare?.fix != nil) == (expected != .internalError), "there is always a next step")
    }

    @Test func anExportThatCannotBeRecordedSaysWhatToDo() async throws {
        let gate = try TestGate.plain()
        let settings = try SettingsLoader.load(file: gate.config)
        let error = await #expect(throws: ManagementError.self) {
            try await ReportService(settings).report(
                of: ReportPeriod(since: .now() - .seconds(60), until: .now()), now: .now(), format: "json",
                by: .current,
                progress: { _, _ in }, warn: { _ in })
        }
        #expect(error?.code == .internalError)
        #expect(error?.message.hasSuffix("there is no ledger at \(settings.ledger.path)") == true)
        #expect(error?.fix == "check that these are the gate's settings, and that it has ever run")
    }
}
