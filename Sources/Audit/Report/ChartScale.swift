// Numbers of charts: where an axis ends, and lengths as SVG takes them. Pure.

package enum ChartScale {
    /// 1, 2 or 5 times a power of ten, not below the value, and even where it is more than one.
    package static func ceiling(_ value: Int64) -> Int64 {
        var power: Int64 = 1
        while true {
            for factor: Int64 in power == 1 ? [2, 4, 6] : [1, 2, 5] where factor * power >= value {
                return factor * power
            }
            let (next, overflow) = power.multipliedReportingOverflow(by: 10)
            if overflow { return value }
            power = next
        }
    }

    /// One decimal.
    package static func text(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }
}
