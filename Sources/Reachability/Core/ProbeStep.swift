// One step of a probe: what was tried, how it went, how long it took and what was seen.
// Values alone; a step decides nothing.

package struct ProbeStep: Sendable, Hashable {
    package enum Outcome: String, Sendable, Hashable, CaseIterable {
        case ok, warn, fail, skipped
    }

    /// What was seen. A name may come more than once, as the addresses of a host do.
    package struct Fact: Sendable, Hashable {
        package var name: String
        /// Printable: text from outside has gone through `UntrustedText`.
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// `resolve`, `connect`, `tls`, …: the same word in the table, JSON and monitoring.
    package var name: String
    package var outcome: Outcome
    package var duration: Duration
    package var facts: [Fact]

    package init(name: String, outcome: Outcome, duration: Duration, facts: [Fact] = []) {
        self.name = name
        self.outcome = outcome
        self.duration = duration
        self.facts = facts
    }
}

/// What a running probe tells to whoever watches it.
package enum ProbeEvent: Sendable {
    case began(step: String)
    case ended(ProbeStep)
}
