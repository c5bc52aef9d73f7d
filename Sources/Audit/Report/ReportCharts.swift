// The charts of a report as inline SVG. Pure.
import Admission

enum ReportCharts {
    private static let width = 900.0

    /// Stacked bars, one a day.
    static func days(_ days: [Report.Day]) -> String {
        let height = 220.0
        let (left, bottom) = (60.0, 24.0)
        let most = max(1, days.map { $0.accepted + $0.rejected + $0.observed }.max() ?? 1)
        let top = ceiling(most)
        let step = (width - left) / Double(max(1, days.count))
        func y(_ value: Int64) -> Double { (height - bottom) * (1 - Double(value) / Double(top)) + 6 }
        var svg = ""
        for line in [0, top / 2, top] {
            svg +=
                "<line class=\"g\" x1=\"\(left)\" x2=\"\(width)\" y1=\"\(text(y(line)))\" y2=\"\(text(y(line)))\"/>"
            svg +=
                "<text x=\"\(left - 6)\" y=\"\(text(y(line) + 4))\" text-anchor=\"end\">\(HTML.number(line))</text>"
        }
        let labels = max(1, (days.count + 9) / 10)
        for (index, day) in days.enumerated() {
            let x = left + Double(index) * step
            var base: Int64 = 0
            for (name, value) in [("a", day.accepted), ("o", day.observed), ("r", day.rejected)]
            where value > 0 {
                svg +=
                    "<rect class=\"\(name)\" x=\"\(text(x + step * 0.1))\" width=\"\(text(step * 0.8))\" "
                    + "y=\"\(text(y(base + value)))\" height=\"\(text(y(base) - y(base + value)))\"><title>\(day.text): "
                    + "\(day.accepted) accepted, \(day.observed) observed, \(day.rejected) rejected</title></rect>"
                base += value
            }
            if index % labels == 0 {
                svg += "<text x=\"\(text(x))\" y=\"\(height + 4)\">\(day.text.dropFirst(5))</text>"
            }
        }
        return frame("Attempts by day: accepted, observed, rejected", width, height + 10, svg)
    }

    /// One bar a reason.
    static func reasons(_ reasons: [(reason: Reason, count: Int64)]) -> String {
        let row = 22.0
        let left = 190.0
        let most = max(1, reasons.first?.count ?? 1)
        let svg = reasons.enumerated().map { index, item in
            let y = Double(index) * row
            let length = max(1, (width - left - 90) * Double(item.count) / Double(most))
            let colour = item.reason == .listed || item.reason == .duplicate ? "a" : "r"
            return
                "<text x=\"\(left - 8)\" y=\"\(text(y + 15))\" text-anchor=\"end\">\(item.reason.rawValue)</text>"
                + "<rect class=\"\(colour)\" x=\"\(left)\" y=\"\(text(y + 4))\" width=\"\(text(length))\" height=\"14\"/>"
                + "<text x=\"\(text(left + length + 6))\" y=\"\(text(y + 15))\">\(HTML.number(item.count))</text>"
        }.joined()
        return frame("Attempts by reason", width, Double(max(1, reasons.count)) * row, svg)
    }

    private static func frame(_ title: String, _ width: Double, _ height: Double, _ content: String) -> String
    {
        "<svg viewBox=\"0 0 \(text(width)) \(text(height))\" role=\"img\" aria-label=\"\(title)\"><title>\(title)</title>"
            + content + "</svg>"
    }

    /// 1, 2 or 5 times a power of ten, not below the value.
    private static func ceiling(_ value: Int64) -> Int64 {
        var power: Int64 = 1
        while true {
            for factor: Int64 in [1, 2, 5] where factor * power >= value { return factor * power }
            power *= 10
        }
    }

    /// One decimal.
    private static func text(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }
}
