// What one probe found: its steps, and what follows from them. Built by `ProbeRecorder`.
package import Admission
package import JSON

package struct ProbeReport: Sendable, Hashable {
    package enum Verdict: String, Sendable, Hashable {
        case ok, warning, critical
    }

    /// `webhook` or `sftp`.
    package var kind: String
    /// What was probed, without any secret.
    package var target: String
    package var started: Instant
    /// From the first step's start to the last one's end.
    package var duration: Duration
    package var steps: [ProbeStep]
    /// All that was found wrong, in the order in which it was seen.
    package var findings: [Diagnosis]
    /// What the other side said, for programs.
    package var answer: JSONValue?
    /// One line for people when all is well: `200 probe, source 20.21.208.105 is let in`.
    package var summary: String

    package init(
        kind: String, target: String, started: Instant, duration: Duration, steps: [ProbeStep],
        findings: [Diagnosis], answer: JSONValue? = nil, summary: String = ""
    ) {
        self.kind = kind
        self.target = target
        self.started = started
        self.duration = duration
        self.steps = steps
        self.findings = findings
        self.answer = answer
        self.summary = summary
    }

    /// The finding to act on: the first that is critical, else the first.
    package var diagnosis: Diagnosis? {
        findings.first { $0.severity == .critical } ?? findings.first
    }

    package var verdict: Verdict {
        guard let diagnosis else { return .ok }
        return diagnosis.severity == .critical ? .critical : .warning
    }
}

extension ProbeReport {
    /// One object. Times are whole microseconds: the gate's JSON has no fractions.
    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "probe": .string(kind), "target": .string(target), "started": .string("\(started)"),
            "time_us": .int(duration.wholeMicroseconds), "verdict": .string(verdict.rawValue),
            "steps": .array(steps.map(\.json)), "findings": .array(findings.map(\.json)),
        ]
        members["diagnosis"] = diagnosis?.json
        members["answer"] = answer
        if !summary.isEmpty { members["summary"] = .string(summary) }
        return .object(members)
    }
}

extension ProbeStep {
    fileprivate var json: JSONValue {
        .object([
            "name": .string(name), "outcome": .string(outcome.rawValue),
            "time_us": .int(duration.wholeMicroseconds),
            "facts": .array(
                facts.map { .object(["name": .string($0.name), "value": .string($0.value)]) }),
        ])
    }
}

extension Diagnosis {
    fileprivate var json: JSONValue {
        .object([
            "code": .string(code.rawValue), "severity": .string(severity.rawValue),
            "means": .string(means), "next": .string(next),
        ])
    }
}

extension Duration {
    /// Rounded down; what a step takes is never near the limits of Int64.
    package var wholeMicroseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }

    /// `0.001234`: seconds with six digits, independent of any locale.
    package var secondsText: String {
        let total = max(0, wholeMicroseconds)
        let fraction = String(total % 1_000_000)
        return "\(total / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
    }
}
