// Prometheus text exposition format 0.0.4 ("Exposition formats" in Prometheus's documentation). Pure.

enum PrometheusText {
    /// `# HELP` and `# TYPE`. A figure without help has the one line.
    static func header(_ name: String, help: String, kind: MetricRegistry.Kind) -> String {
        let help = escaped(help, quotes: false)
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

    /// By scalars: a quotation mark with a combining mark behind it is one `Character`, and equal to no quotation mark.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func text(_ labels: MetricRegistry.Reading.Labels) -> String {
        if labels.isEmpty { return "" }
        let pairs = labels.map { label in
            "\(label.name)=\"\(escaped(label.value, quotes: true))\""
        }
        return "{\(pairs.joined(separator: ","))}"
    }
}
