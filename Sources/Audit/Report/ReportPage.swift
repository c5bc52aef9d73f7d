// A report as one page of HTML: nothing is fetched, nothing runs, it prints. Pure; every text is escaped.
import Admission

package struct ReportPage {
    private let report: Report

    package init(_ report: Report) { self.report = report }

    package var html: String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>\(HTML.escaped(report.heading))</title><style>\(ReportStyle.sheet)</style></head><body>
        <header><h1>Who knocked</h1><p>\(HTML.content(report.heading))</p><p>\(report.reach) Times are UTC.</p></header>
        \(totals)\(findings)\(charts)\(report.tables.map(Self.table).joined())
        <footer>Made \(Report.short(report.made)). Policy <code>\(HTML.escaped(report.policy))</code>.\(notes)\(seqs)</footer>
        </body></html>

        """
    }

    private var notes: String {
        report.policyNotes.map { " <strong>\(HTML.escaped($0)).</strong>" }.joined()
    }

    private var seqs: String {
        report.seqs.map { " Ledger entries \($0.lowerBound) to \($0.upperBound)." } ?? ""
    }

    private var totals: String {
        let figures = [
            ("attempts", report.attempts, ""), ("accepted", report.accepted, "accepted"),
            ("rejected", report.rejected, "rejected"), ("observed", report.observed, "observed"),
            (report.untold > 0 ? "sources or more" : "sources", Int64(report.sources.count), ""),
        ]
        return "<section class=\"totals\" aria-label=\"Totals\">"
            + figures.map { "<div class=\"\($2)\"><b>\(HTML.number($1))</b> \($0)</div>" }.joined()
            + "</section>"
    }

    private var findings: String {
        guard !report.findings.isEmpty else { return "<section><h2>Findings</h2><p>None.</p></section>" }
        let items = report.findings.map { finding in
            let list = finding.items.prefix(20).map { "<li>\(HTML.content($0))</li>" }.joined()
            let more = finding.items.count > 20 ? "<li>… and \(finding.items.count - 20) more</li>" : ""
            return "<article class=\"\(finding.severity.rawValue)\"><h3>\(HTML.escaped(finding.title))</h3>"
                + "<p>\(HTML.content(finding.advice))</p>\(list.isEmpty ? "" : "<ul>\(list)\(more)</ul>")</article>"
        }
        return "<section><h2>Findings</h2>\(items.joined())</section>"
    }

    private var charts: String {
        guard report.attempts > 0 else { return "" }
        return "<section class=\"whole\"><h2>Attempts by \(ReportCharts.name(report.period))</h2>"
            + "\(ReportCharts.steps(report))</section>"
            + "<section class=\"whole\"><h2>Reasons</h2>\(ReportCharts.reasons(report))</section>"
    }

    private static func table(_ table: ReportTable) -> String {
        guard !table.rows.isEmpty else {
            return "<section><h2>\(table.title)</h2><p>\(HTML.escaped(table.empty))</p></section>"
        }
        // On a narrow page each cell stands under the others, behind the name of its column.
        func cell(_ column: Int, _ text: String) -> String {
            "<td\(style(column)) data-name=\"\(HTML.escaped(table.header[column]))\">\(HTML.content(text))</td>"
        }
        func style(_ column: Int) -> String {
            table.numeric.contains(column)
                ? " class=\"n\"" : table.whole.contains(column) ? " class=\"w\"" : ""
        }
        let head = table.header.enumerated().map { column, name in
            "<th scope=\"col\"\(style(column))>\(HTML.escaped(name))</th>"
        }.joined()
        let rows = table.rows.map { "<tr>\($0.enumerated().map(cell).joined())</tr>" }.joined(separator: "\n")
        let more = table.omitted > 0 ? "<p>… and \(table.omitted) more.</p>" : ""
        return "<section><h2>\(table.title)</h2><table class=\"list\"><thead><tr>\(head)</tr></thead>"
            + "<tbody>\n\(rows)\n</tbody></table>\(more)</section>\n"
    }
}
