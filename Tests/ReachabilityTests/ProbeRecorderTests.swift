// What steps become in a report: failed, warned, slow, left out.
import Reachability
import Testing

@Suite struct ProbeRecorderTests {
    private let fault = Diagnosis(.notHTTP, means: "means", next: "next")

    @Test func aStepThatThrowsHasFailedAndKeepsItsFacts() {
        let recorder = ProbeRecorder(kind: "webhook", target: "t", options: ProbeOptions())
        #expect(throws: fault) {
            try recorder.step("one") { (notes: inout StepNotes) throws(Diagnosis) in
                notes.fact("seen", "this")
                throw fault
            }
        }
        let report = recorder.report()
        #expect(report.steps.map(\.outcome) == [.fail])
        #expect(report.steps[0].facts == [.init("seen", "this")])
        #expect(report.findings == [fault])
    }

    @Test func aSlowStepIsAWarningThatNamesIt() throws {
        let recorder = ProbeRecorder(
            kind: "webhook", target: "t", options: ProbeOptions(slow: .nanoseconds(-1)))
        try recorder.step("connect") { (_: inout StepNotes) throws(Diagnosis) in }
        recorder.skip("tls", "not asked")
        let report = recorder.report()
        #expect(report.steps.map(\.outcome) == [.warn, .skipped])
        #expect(report.diagnosis?.code == .slow)
        #expect(report.diagnosis?.means.contains("\"connect\"") == true)
        #expect(report.verdict == .warning)
    }

    @Test func runGivesTheReportOfWhatWasThrown() async {
        let fault = fault
        let report = await ProbeRecorder.run(
            kind: "sftp", target: "t", options: ProbeOptions(), notify: { _ in }
        ) { _ throws(Diagnosis) in throw fault }
        #expect(report.findings == [fault])
        #expect(report.verdict == .critical)
    }
}
