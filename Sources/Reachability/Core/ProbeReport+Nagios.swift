// A probe's result as monitoring plugins print it: one line with performance data, and a plugin's exit status
// (Monitoring Plugins Development Guidelines, "Plugin Output for Nagios" and "Performance data").

package enum PluginStatus: Int32, Sendable, Comparable {
    case ok = 0
    case warning = 1
    case critical = 2
    case unknown = 3

    package var word: String {
        switch self {
        case .ok: "OK"
        case .warning: "WARNING"
        case .critical: "CRITICAL"
        case .unknown: "UNKNOWN"
        }
    }

    package static func < (a: PluginStatus, b: PluginStatus) -> Bool { a.rawValue < b.rawValue }
}

package enum PluginLine {
    /// One line; `|` begins performance data, so the text cannot hold one.
    package static func write(_ kind: String, _ status: PluginStatus, _ text: String, _ data: [String] = [])
        -> String
    {
        let clean = String(text.map { $0 == "|" ? "/" : $0.isNewline ? " " : $0 })
        let line = "\(kind.uppercased()) \(status.word) - \(clean)"
        return data.isEmpty ? line : line + " | " + data.joined(separator: " ")
    }
}

extension ProbeReport {
    package var pluginStatus: PluginStatus {
        switch verdict {
        case .ok: .ok
        case .warning: .warning
        case .critical: .critical
        }
    }

    /// The line of one probe, or of the worst of several.
    package func pluginLine(of all: ProbeTally = ProbeTally()) -> String {
        var text = "\(target): "
        let bad = all.withFindings
        if all.count > 1 {
            text += "\(all.count) probes, " + (bad == 0 ? "all well, " : "\(bad) with findings, ")
        }
        if let diagnosis {
            text += "\(diagnosis.code.rawValue): \(diagnosis.description)"
        } else {
            text += summary.isEmpty ? "reached in \(duration.secondsText) s" : summary
        }
        let data =
            ["time=\(duration.secondsText)s;;;0"]
            + steps.filter { $0.outcome != .skipped }.map { "\($0.name)=\($0.duration.secondsText)s;;;0" }
        return PluginLine.write(kind, pluginStatus, text, data)
    }
}
