// What came of trying the network rules as a whole, in the words of both faces. Pure.
package import RuleBook

package struct CheckVerdict: Sendable {
    /// Ids of required rows that are blocked or unresolved.
    package let failed: [String]
    /// Nothing required failed, and something was proven: of rows that nobody tried nothing is known.
    package let isGood: Bool
    /// For people: which required rows failed, or how many rows are proven; and which nobody could prove.
    package let lines: [String]

    package init(_ results: [CheckResult]) {
        let failures = results.filter(\.isFailure)
        let proven = results.count { $0.outcome == .ok }
        failed = failures.map(\.id)
        isGood = failures.isEmpty && proven > 0
        let first =
            failures.isEmpty
            ? ["\(proven) of \(results.count) rows proven; no required row is blocked or unresolved"]
            : [
                Self.line("blocked", .blocked, failures),
                Self.line("not tried, names do not resolve", .unresolved, failures),
            ].compactMap(\.self)
        let unproven = [
            Self.line("not tried", .skipped, results), Self.line("no proof", .noProof, results),
        ].compactMap(\.self)
        lines = first + unproven
    }

    /// nil: no row has this outcome.
    private static func line(
        _ words: String, _ outcome: CheckOutcome, _ results: [CheckResult]
    ) -> String? {
        let ids = results.filter { $0.outcome == outcome }.map(\.id)
        return ids.isEmpty ? nil : "\(words): \(ids.joined(separator: ", "))"
    }
}
