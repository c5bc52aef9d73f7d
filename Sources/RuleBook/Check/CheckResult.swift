// What came of trying the rules: one outcome a row of the document, made of the outcomes of its single attempts.
import Admission

package enum CheckOutcome: String, Sendable, CaseIterable {
    case ok
    case blocked
    /// A name has no address, or no name server answers: nothing was tried.
    case unresolved
    /// Something was sent, and nothing can tell whether it arrived.
    case noProof = "no proof"
    case skipped
}

/// One attempt: a port of a host.
package struct CheckAttempt: Sendable, Hashable {
    /// `TCP 443 region.vsee.qa`
    package var what: String
    package var outcome: CheckOutcome
    package var detail: String
    /// Attempts of one group stand for one another: hosts of a wildcard that need not all serve every port.
    var group: String
    /// From where a STUN server saw the request.
    var seen: IPAddress?

    package init(what: String, outcome: CheckOutcome, detail: String, group: String) {
        self.what = what
        self.outcome = outcome
        self.detail = detail
        self.group = group
    }
}

package struct CheckResult: Sendable {
    package var id: String
    package var purpose: String
    package var isOptional: Bool
    package var attempts: [CheckAttempt]
    package var outcome: CheckOutcome
    /// One line for people.
    package var detail: String

    /// A row that was not tried.
    package init(id: String, purpose: String, isOptional: Bool, skipped why: String) {
        self.id = id
        self.purpose = purpose
        self.isOptional = isOptional
        attempts = []
        outcome = .skipped
        detail = why
    }

    /// A row is blocked when any of its ports is: a port for which no host of its group was reached. It is unresolved when
    /// none is, and the names of one have no addresses.
    package init(
        id: String, purpose: String, isOptional: Bool, attempts: [CheckAttempt], remark: String? = nil
    ) {
        self.id = id
        self.purpose = purpose
        self.isOptional = isOptional
        self.attempts = attempts
        let groups = Dictionary(grouping: attempts, by: \.group).values.map { group -> CheckAttempt in
            let order: [CheckOutcome] = [.ok, .noProof, .blocked, .unresolved, .skipped]
            return group.min {
                (order.firstIndex(of: $0.outcome) ?? 0, $0.what) < (
                    order.firstIndex(of: $1.outcome) ?? 0, $1.what
                )
            } ?? group[0]
        }.sorted { $0.what < $1.what }
        let tried = groups.filter { $0.outcome != .skipped }
        let found = [CheckOutcome.blocked, .unresolved, .ok].first { kind in
            tried.contains { $0.outcome == kind }
        }
        outcome = found ?? (tried.isEmpty ? .skipped : .noProof)
        var parts: [String] = []
        for kind in [CheckOutcome.blocked, .unresolved, .ok, .noProof, .skipped] {
            let found = groups.filter { $0.outcome == kind }
            guard !found.isEmpty else { continue }
            let isLong = kind == .blocked || kind == .unresolved || (kind != .skipped && found.count <= 2)
            parts.append(
                isLong
                    ? found.map { "\($0.what): \($0.detail)" }.joined(separator: "; ")
                    : "\(kind.rawValue): \(found.map(\.what).joined(separator: ", "))")
        }
        detail = (parts + (remark.map { [$0] } ?? [])).joined(separator: "; ")
    }

    /// A required row that was tried and failed.
    package var isFailure: Bool { (outcome == .blocked || outcome == .unresolved) && !isOptional }
}
