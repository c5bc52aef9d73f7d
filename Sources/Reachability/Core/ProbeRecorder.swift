// Times the steps of one probe and collects what they find. A probe is blocking code on a thread of its own
// (`run`), so a recorder belongs to one thread and needs no lock.
import Admission
import Blocking
package import JSON

/// What a step notes while it runs; kept also when it fails.
package struct StepNotes {
    package fileprivate(set) var facts: [ProbeStep.Fact] = []
    package fileprivate(set) var findings: [Diagnosis] = []

    package mutating func fact(_ name: String, _ value: String) {
        facts.append(ProbeStep.Fact(name, value))
    }

    /// Something wrong that does not keep the step from going on.
    package mutating func find(_ finding: Diagnosis) { findings.append(finding) }
}

package final class ProbeRecorder {
    package let options: ProbeOptions
    package let kind: String
    package let target: String
    /// What the other side said, for the report.
    package var answer: JSONValue?
    package var summary = ""

    private let notify: (ProbeEvent) -> Void
    private let started = Instant.now()
    private let clock = ContinuousClock()
    private let began: ContinuousClock.Instant
    private var steps: [ProbeStep] = []
    private var findings: [Diagnosis] = []

    package init(
        kind: String, target: String, options: ProbeOptions, notify: @escaping (ProbeEvent) -> Void = { _ in }
    ) {
        self.kind = kind
        self.target = target
        self.options = options
        self.notify = notify
        began = clock.now
    }

    /// Runs one probe off the cooperative pool and returns its report; it never fails otherwise.
    package static func run(
        kind: String, target: String, options: ProbeOptions,
        notify: @escaping @Sendable (ProbeEvent) -> Void,
        body: @escaping @Sendable (ProbeRecorder) throws(Diagnosis) -> Void
    ) async -> ProbeReport {
        await executor.runToEnd {
            let recorder = ProbeRecorder(kind: kind, target: target, options: options, notify: notify)
            // What is thrown has been recorded by the step that threw it.
            do throws(Diagnosis) { try body(recorder) } catch { recorder.keep(error) }
            return recorder.report()
        }
    }

    /// Probes at once.
    private static let executor = BlockingExecutor(label: "dropgate.probe", width: 16)

    /// Runs a step. A step that throws has failed; so has one that found something critical and went on.
    package func step<Value>(
        _ name: String, _ body: (inout StepNotes) throws(Diagnosis) -> Value
    ) throws(Diagnosis) -> Value {
        notify(.began(step: name))
        let start = clock.now
        var notes = StepNotes()
        do throws(Diagnosis) {
            let value = try body(&notes)
            end(name, notes, clock.now - start)
            return value
        } catch {
            notes.find(error)
            end(name, notes, clock.now - start)
            throw error
        }
    }

    /// A step that is left out, and why.
    package func skip(_ name: String, _ why: String) {
        add(ProbeStep(name: name, outcome: .skipped, duration: .zero, facts: [.init("why", why)]))
    }

    private func end(_ name: String, _ notes: StepNotes, _ duration: Duration) {
        var found = notes.findings
        let failed = found.contains { $0.severity == .critical }
        if !failed, duration > options.slow { found.append(.slow(step: name, duration, options.slow)) }
        for finding in found { keep(finding) }
        let outcome: ProbeStep.Outcome = failed ? .fail : found.isEmpty ? .ok : .warn
        add(ProbeStep(name: name, outcome: outcome, duration: duration, facts: notes.facts))
    }

    private func add(_ step: ProbeStep) {
        steps.append(step)
        notify(.ended(step))
    }

    private func keep(_ finding: Diagnosis) {
        if !findings.contains(finding) { findings.append(finding) }
    }

    package func report() -> ProbeReport {
        ProbeReport(
            kind: kind, target: target, started: started, duration: clock.now - began, steps: steps,
            findings: findings, answer: answer, summary: summary)
    }
}

extension Diagnosis {
    static func slow(step: String, _ took: Duration, _ limit: Duration) -> Diagnosis {
        let hint =
            switch step {
            case "resolve": "look at the name servers in /etc/resolv.conf"
            case "connect": "look at the route and at packet loss: the system tries again after a second"
            case "request", "answer": "look at the load of the machine that answers and at its disk"
            default: "look at the load of the machine that answers"
            }
        return Diagnosis(
            .slow, .warning,
            means: "slow: the step \"\(step)\" took \(took.secondsText) s, more than \(limit.secondsText) s",
            next: hint)
    }
}
