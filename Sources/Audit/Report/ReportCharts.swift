// The charts of a report: bars as inline SVG that stretches, texts as HTML, so that they can be read at every width. Pure.
import Admission

enum ReportCharts {
    /// Of the drawing; the page stretches it.
    private static let (width, height) = (1200.0, 200.0)

    /// Stacked bars, one a step of time, over the whole period.
    static func steps(_ report: Report) -> String {
        let top = ChartScale.ceiling(max(1, report.steps.map(\.total).max() ?? 1))
        let wide = width / Double(max(1, report.steps.count))
        // Thin bars touch: gaps between them would be all that is seen.
        let gap = wide < 6 ? 0 : wide * 0.1
        var bars = [0.0, 0.5, 1].map { line in
            "<line class=\"g\" x1=\"0\" x2=\"\(ChartScale.text(width))\" y1=\"\(ChartScale.text(height * line))\" y2=\"\(ChartScale.text(height * line))\"/>"
        }
        for (index, step) in report.steps.enumerated() where step.total > 0 {
            bars.append(
                bar(step, x: Double(index) * wide + gap, width: wide - 2 * gap, top: top, report.period))
        }
        let title = "Attempts by \(name(report.period)): accepted, observed, rejected"
        let values = [top, top / 2, 0].map { "<span>\(HTML.number($0))</span>" }.joined()
        return "<div class=\"chart\"><div class=\"y\">\(values)</div>"
            + "<svg viewBox=\"0 0 \(ChartScale.text(width)) \(ChartScale.text(height))\" preserveAspectRatio=\"none\" role=\"img\" "
            + "aria-label=\"\(title)\"><title>\(title)</title>\(bars.joined())</svg>"
            + "<div class=\"x\">\(labels(report.period))</div></div>"
            + "<p class=\"key\"><b class=\"a\"></b>accepted <b class=\"o\"></b>observed <b class=\"r\"></b>rejected</p>"
    }

    /// `minute`, `hour`, `day`, `3 days`
    static func name(_ period: ReportPeriod) -> String {
        period.units == 1 ? period.unit.rawValue : "\(period.units) \(period.unit.rawValue)s"
    }

    private static func bar(
        _ step: Report.Step, x: Double, width: Double, top: Int64, _ period: ReportPeriod
    ) -> String {
        // Wide enough to be seen where there are very many.
        let wide = max(2, width)
        var base: Int64 = 0
        var bar =
            "<g><title>\(label(step.start, period.unit)): \(step.accepted) accepted, "
            + "\(step.observed) observed, \(step.rejected) rejected</title>"
        for (name, value) in [("a", step.accepted), ("o", step.observed), ("r", step.rejected)]
        where value > 0 {
            let y = height * (1 - Double(base + value) / Double(top))
            bar +=
                "<rect class=\"\(name)\" x=\"\(ChartScale.text(min(x, Self.width - wide)))\" width=\"\(ChartScale.text(wide))\" y=\"\(ChartScale.text(y))\" "
                + "height=\"\(ChartScale.text(height * Double(value) / Double(top)))\"/>"
            base += value
        }
        return bar + "</g>"
    }

    /// The moments at which some steps begin, as even as steps are, and where on the axis; its ends are those of the period.
    private static func labels(_ period: ReportPeriod) -> String {
        let steps = period.steps(of: period.step)
        let parts = min(4, steps.count)
        return (0...parts).map { part in
            let index = steps.count * part / parts
            let start = Instant(microseconds: (steps.lowerBound + Int64(index)) * period.step)
            let left = ChartScale.text(Double(index) / Double(steps.count) * 100)
            return "<span style=\"left:\(left)%\">\(label(start, period.unit))</span>"
        }.joined()
    }

    /// Whole days are told by their date, hours and minutes by day and time.
    private static func label(_ instant: Instant, _ unit: ReportPeriod.Unit) -> String {
        let text = instant.description
        return unit == .day
            ? String(text.prefix(10)) : String(text.dropFirst(5).prefix(11)).replacing("T", with: " ")
    }

    /// One bar a reason.
    static func reasons(_ report: Report) -> String {
        let most = Double(max(1, report.reasons.first?.count ?? 1))
        let rows = report.reasons.map { item in
            let verdicts = report.verdicts[item.reason] ?? [:]
            let parts = [("a", Verdict.accepted), ("o", .observed), ("r", .rejected)].map { name, verdict in
                let count = verdicts[verdict] ?? 0
                return count == 0
                    ? ""
                    : "<b class=\"\(name)\" style=\"width:\(ChartScale.text(Double(count) / most * 100))%\"></b>"
            }
            return
                "<tr><th scope=\"row\">\(item.reason.rawValue)</th><td class=\"n\">\(HTML.number(item.count))</td>"
                + "<td class=\"bar\">\(parts.joined())</td></tr>"
        }
        return "<table class=\"bars\"><tbody>\(rows.joined())</tbody></table>"
    }
}
