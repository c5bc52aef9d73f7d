// A report as one page of HTML: nothing is fetched, nothing runs, it prints. Pure; every text is escaped.
import Admission

package struct ReportPage {
    private let report: Report

    package init(_ report: Report) { self.report = report }

    package var html: String {
        let title = "\(report.node): \(Report.short(report.since)) to \(Report.short(report.until))"
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <title>\(HTML.escaped(title))</title><style>\(Self.style)</style></head><body>
            <header><h1>Who knocked</h1><p>\(HTML.escaped(title))</p></header>
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
            ("sources", Int64(report.sources.count), ""),
        ]
        return "<section class=\"totals\" aria-label=\"Totals\">"
            + figures.map { "<div class=\"\($2)\"><b>\(HTML.number($1))</b> \($0)</div>" }.joined()
            + "</section>"
    }

    private var findings: String {
        guard !report.findings.isEmpty else { return "<section><h2>Findings</h2><p>None.</p></section>" }
        let items = report.findings.map { finding in
            let list = finding.items.prefix(20).map { "<li>\(HTML.escaped($0))</li>" }.joined()
            let more = finding.items.count > 20 ? "<li>… and \(finding.items.count - 20) more</li>" : ""
            return "<article class=\"\(finding.severity.rawValue)\"><h3>\(HTML.escaped(finding.title))</h3>"
                + "<p>\(HTML.escaped(finding.advice))</p>\(list.isEmpty ? "" : "<ul>\(list)\(more)</ul>")</article>"
        }
        return "<section><h2>Findings</h2>\(items.joined())</section>"
    }

    private var charts: String {
        guard report.attempts > 0 else { return "" }
        return "<section><h2>Attempts by day</h2>\(ReportCharts.days(report.days))</section>"
            + "<section><h2>Reasons</h2>\(ReportCharts.reasons(report.reasons))</section>"
    }

    private static func table(_ table: ReportTable) -> String {
        guard !table.rows.isEmpty else {
            return "<section><h2>\(table.title)</h2><p>\(HTML.escaped(table.empty))</p></section>"
        }
        func cell(_ column: Int, _ text: String) -> String {
            "<td\(table.numeric.contains(column) ? " class=\"n\"" : "")>\(HTML.escaped(text))</td>"
        }
        let head = table.header.map { "<th scope=\"col\">\(HTML.escaped($0))</th>" }.joined()
        let rows = table.rows.map { "<tr>\($0.enumerated().map(cell).joined())</tr>" }.joined(separator: "\n")
        let more = table.omitted > 0 ? "<p>… and \(table.omitted) more.</p>" : ""
        return
            "<section><h2>\(table.title)</h2><table><thead><tr>\(head)</tr></thead><tbody>\n\(rows)\n</tbody></table>"
            + "\(more)</section>\n"
    }

    private static let style = """
        :root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6573;--line:#d8dde4;--paper:#fff;
        --accepted:#2b7a4b;--rejected:#b3372f;--observed:#b07a12}
        @media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa4b2;--line:#333c48;--paper:#14181e;
        --accepted:#55b57e;--rejected:#e26a60;--observed:#d8a73a}}
        body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:70rem;
        margin:2rem auto;padding:0 1rem}h1{margin:0;font-size:1.7rem}header p,footer{color:var(--soft)}
        h2{font-size:1.15rem;margin:2.2rem 0 .6rem}.totals{display:flex;gap:2rem;flex-wrap:wrap}
        .totals b{display:block;font-size:1.6rem;font-variant-numeric:tabular-nums}
        .accepted b{color:var(--accepted)}.rejected b{color:var(--rejected)}.observed b{color:var(--observed)}
        article{border-left:4px solid var(--line);padding:.1rem 1rem;margin:.8rem 0}
        article h3{margin:.3rem 0 0;font-size:1rem}article p{margin:.2rem 0}article ul{margin:.2rem 0 .4rem}
        .alarm{border-color:var(--rejected)}.warning{border-color:var(--observed)}
        table{border-collapse:collapse;width:100%;font-size:.88rem}th,td{text-align:left;padding:.25rem .6rem;
        border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
        td.n{text-align:right;font-variant-numeric:tabular-nums}
        svg{width:100%;height:auto}svg text{fill:var(--soft);font:11px system-ui,sans-serif}
        .a{fill:var(--accepted)}.r{fill:var(--rejected)}.o{fill:var(--observed)}.g{stroke:var(--line)}
        @media print{body{max-width:none;margin:0}section,article,tr{break-inside:avoid}table{font-size:8pt}}
        """
}

/// Text in HTML.
enum HTML {
    /// For content and quoted attributes; control characters become visible.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in UntrustedText.stored(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// `1,234,567`
    static func number(_ value: Int64) -> String {
        var digits = Array(String(value))
        var at = digits.count - 3
        while at > 0 {
            digits.insert(",", at: at)
            at -= 3
        }
        return String(digits)
    }
}
