// Attempts over time as bars. Pure.
import Admission
import Audit
import Ledger
import Management

struct Chart: Sendable {
    enum Period: String, Sendable, CaseIterable {
        case day = "24h"
        case week = "7d"
        case month = "30d"

        var label: String {
            switch self {
            case .day: "24 hours"
            case .week: "7 days"
            case .month: "30 days"
            }
        }

        /// How many bars, and the hours of one.
        var bars: (count: Int64, hours: Int64) {
            switch self {
            case .day: (24, 1)
            case .week: (56, 3)
            case .month: (30, 24)
            }
        }
    }

    /// A part of a bar, in the units of the drawing.
    struct Part: Sendable {
        let verdict: String
        let x: String
        let y: String
        let width: String
        let height: String
    }

    struct Bar: Sendable {
        /// Where the whole bar's place is, for who points at it.
        let x: String
        let width: String
        let parts: [Part]
        /// `2026-11-28 08:00 UTC: 12 accepted, 3 rejected`
        let about: String
    }

    struct Tick: Sendable {
        let x: String
        let text: String
    }

    static let (width, height) = (960.0, 150.0)

    let bars: [Bar]
    let ticks: [Tick]
    /// What the highest bar can be.
    let top: String
    /// For who does not see it.
    let about: String
    private let totals: [Verdict: Int64]

    /// - Parameter hours: as of `Activity`.
    init(_ hours: Activity.Hours, _ period: Period, now: Instant) {
        let (count, span) = period.bars
        let current = now.microseconds / Activity.hour
        // Bars of days begin at midnight.
        let end = span == 1 ? current + 1 : (current / span + 1) * span
        let steps = (0..<count).map { index -> (start: Int64, verdicts: [Verdict: Int64]) in
            let start = end - (count - index) * span
            var verdicts: [Verdict: Int64] = [:]
            for hour in start..<start + span {
                verdicts.merge(hours[hour] ?? [:], uniquingKeysWith: +)
            }
            return (start, verdicts)
        }
        let highest = ChartScale.ceiling(max(1, steps.map { $0.verdicts.values.reduce(0, +) }.max() ?? 0))
        let wide = Self.width / Double(count)
        bars = steps.enumerated().map { index, step in
            Self.bar(step, at: Double(index) * wide, wide, highest, isDay: span == 24)
        }
        ticks = stride(from: 0, to: Int(count), by: max(1, Int(count) / 6)).map { index in
            Tick(
                x: ChartScale.text(Double(index) * wide),
                text: Self.label(steps[index].start, isDay: period != .day))
        }
        top = HTML.number(highest)
        totals = steps.reduce(into: [:]) { $0.merge($1.verdicts, uniquingKeysWith: +) }
        about = "Attempts in the last \(period.label): \(Self.words(totals))."
    }

    func total(_ verdict: Verdict) -> Int64 { totals[verdict] ?? 0 }

    private static func bar(
        _ step: (start: Int64, verdicts: [Verdict: Int64]), at x: Double, _ wide: Double, _ top: Int64,
        isDay: Bool
    ) -> Bar {
        var foot = height
        let parts = [Verdict.accepted, .observed, .rejected].compactMap { verdict -> Part? in
            guard let count = step.verdicts[verdict], count > 0 else { return nil }
            // What there is of it is seen, however little.
            let high = max(1.5, Double(count) / Double(top) * height)
            foot -= high
            return Part(
                verdict: verdict.rawValue, x: ChartScale.text(x + wide * 0.12),
                y: ChartScale.text(max(0, foot)),
                width: ChartScale.text(wide * 0.76), height: ChartScale.text(high))
        }
        return Bar(
            x: ChartScale.text(x), width: ChartScale.text(wide), parts: parts,
            about: "\(label(step.start, isDay: isDay, isWhole: true)) UTC: \(words(step.verdicts))")
    }

    private static func words(_ verdicts: [Verdict: Int64]) -> String {
        let words = [Verdict.accepted, .observed, .rejected].compactMap { verdict in
            verdicts[verdict].map { "\(HTML.number($0)) \(verdict.rawValue)" }
        }
        return words.isEmpty ? "none" : words.joined(separator: ", ")
    }

    private static func label(_ hour: Int64, isDay: Bool, isWhole: Bool = false) -> String {
        let text = Instant(microseconds: hour * Activity.hour).description
        if isWhole {
            return isDay ? String(text.prefix(10)) : String(text.prefix(16)).replacing("T", with: " ")
        }
        return isDay ? String(text.dropFirst(5).prefix(5)) : String(text.dropFirst(11).prefix(5))
    }
}
