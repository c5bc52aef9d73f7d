// Prometheus text exposition format 0.0.4 ("Exposition formats" in Prometheus's documentation). Pure.

enum PrometheusText {
    /// `# HELP` and `# TYPE`. A figure without help has the one line.
    static func header(_ name: String, help: String, kind: MetricRegistry.Kind) -> String {
        let help = help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return (help.isEmpty ? "" : "# HELP \(name) \(help)\n") + "# TYPE \(name) \(kind.rawValue)\n"
    }

    /// One line.
    static func sample(_ name: String, _ labels: MetricRegistry.Reading.Labels, _ value: Double) -> String {
        "\(name)\(text(labels)) \(number(value))\n"
    }

    /// Whole numbers without a fraction, as long as a double holds them exactly.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map(String.init) ?? value.description
    }

    /// A name that the format allows, made of one that other systems allow: `http.requests` is `http_requests`.
    static func name(_ label: String) -> String {
        let name = String(
            label.unicodeScalars.map { scalar -> Character in
                switch scalar {
                case "a"..."z", "A"..."Z", "0"..."9", "_": Character(scalar)
                default: "_"
                }
            })
        guard let first = name.first, !first.isNumber else { return "_" + name }
        return name
    }

    private static func text(_ labels: MetricRegistry.Reading.Labels) -> String {
        if labels.isEmpty { return "" }
        let pairs = labels.map { label in
            let value = label.value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(label.name)=\"\(value)\""
        }
        return "{\(pairs.joined(separator: ","))}"
    }
}
