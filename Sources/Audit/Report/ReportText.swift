// A report for a terminal. Pure; text from outside is made printable.
import Admission

package struct ReportText {
    private let report: Report

    package init(_ report: Report) { self.report = report }

    /// `paint` gives a heading or a severity its colour.
    package func lines(paint: (_ text: String, _ severity: Report.Finding.Severity?) -> String) -> [String] {
        var lines = [
            paint(report.heading, nil), report.reach,
            "\(Counted.attempts(report.attempts)): \(report.accepted) accepted, \(report.rejected) rejected, "
                + "\(report.observed) observed, from \(sources)",
            report.reasons.map { "\($0.reason.rawValue) \($0.count)" }.joined(separator: ", "),
            "policy \(report.policy)",
        ]
        lines +=
            report.policyNotes.map { "note: \(UntrustedText.stored($0))" } + ["", paint("Findings", nil)]
        if report.findings.isEmpty { lines.append("  none") }
        for finding in report.findings {
            lines.append("  \(paint(finding.severity.rawValue, finding.severity))  \(finding.title)")
            lines.append("    \(finding.advice)")
            lines += finding.items.prefix(10).map { "    - \(UntrustedText.stored($0))" }
            if finding.items.count > 10 { lines.append("    … and \(finding.items.count - 10) more") }
        }
        for table in report.tables { lines += ["", paint(table.title, nil)] + Self.lines(table) }
        return lines
    }

    private var sources: String {
        let count = Counted.text(report.sources.count, "source", "sources")
        return report.untold > 0 ? "\(count) or more" : count
    }

    private static func lines(_ table: ReportTable) -> [String] {
        guard !table.rows.isEmpty else { return ["  " + table.empty] }
        let rows = ([table.header] + table.rows).map { $0.map { UntrustedText.stored($0) } }
        let widths = table.header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var lines = rows.map { row in
            let cells = row.enumerated().map { column, cell in
                let space = String(repeating: " ", count: widths[column] - cell.count)
                return table.numeric.contains(column) ? space + cell : cell + space
            }
            var line = "  " + cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }
        if table.omitted > 0 {
            let isAll = table.rows.count + table.omitted <= table.most
            let has = isAll ? "them" : "the first \(table.most)"
            lines.append("  … and \(table.omitted) more; --format json has \(has)")
        }
        return lines
    }
}
