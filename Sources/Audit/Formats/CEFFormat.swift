// Entries in the ArcSight Common Event Format, version 0 ("Micro Focus Security ArcSight Common Event Format",
// version 25): a header of seven fields and an extension of key=value pairs from CEF's own dictionary.
import Admission
import JSON

enum CEFFormat {
    static func record(_ facts: EntryFacts) -> [UInt8] {
        let kind = facts.text("kind") ?? "entry"
        let reason = facts.text("reason") ?? "unknown"
        let name = "\(kind) \(facts.text("verdict") ?? "recorded"): \(reason)"
        let header = [
            "CEF:0", Product.vendor, Product.name, Product.version, "\(kind):\(reason)", name,
            "\(severity(facts))",
        ].map(headerField)
        let pairs = fields(facts).map { "\($0.key)=\(value($0.value, limit: $0.limit))" }
        return Array((header.joined(separator: "|") + "|" + pairs.joined(separator: " ")).utf8)
    }

    /// 0 to 3 is low, 4 to 6 medium, 7 to 8 high, 9 to 10 very high.
    private static func severity(_ facts: EntryFacts) -> Int {
        switch EntrySeverity(facts) {
        case .info: 1
        case .notice: 3
        case .warning: 5
        case .error: 8
        }
    }

    // MARK: Extension

    private struct Field {
        var key: String
        var value: String
        /// The length, in characters, that the dictionary gives the key.
        var limit: Int
    }

    private static func fields(_ facts: EntryFacts) -> [Field] {
        var fields: [Field] = []
        func add(_ key: String, _ value: String?, limit: Int = 1023) {
            if let value, !value.isEmpty { fields.append(Field(key: key, value: value, limit: limit)) }
        }
        // The dictionary has integers of 32 bits, and custom numbers of 64.
        func addNumber(_ key: String, _ value: Int64, instead custom: String, _ label: String) {
            guard value > Int64(Int32.max) else { return add(key, "\(value)") }
            add("\(custom)Label", label)
            add(custom, "\(value)")
        }
        func number(_ path: String) -> String? { facts.at(path)?.int.map(String.init) }
        func text(_ path: String) -> String? { facts.at(path)?.string }

        add("rt", "\(facts.time.milliseconds)")
        add("externalId", "\(facts.seq)", limit: 40)
        add("dvchost", facts.node, limit: 100)
        add("cat", text("kind"))
        add("act", text("verdict"), limit: 63)
        add("outcome", facts.verdict.map { $0 == .rejected ? "failure" : "success" }, limit: 63)
        add("reason", text("reason"))
        add("app", text("channel"), limit: 31)
        if let ip = facts.sourceIP, ip.contains(":") {
            add("c6a2Label", "Source IPv6 Address")
            add("c6a2", ip)
        } else {
            add("src", facts.sourceIP)
        }
        add("spt", facts.source?["port"]?.int.map(String.init))
        add("suser", facts.user)
        add("requestMethod", text("request.method"))
        add("request", text("request.path"))
        add("fname", facts.fileName)
        if let bytes = facts.at("drop.bytes")?.int { addNumber("fsize", bytes, instead: "cn2", "fileSize") }
        add("fileHash", text("drop.sha256"), limit: 255)
        if facts.count != 1 { addNumber("cnt", facts.count, instead: "cn3", "count") }
        add("start", facts.first.map { "\($0.milliseconds)" })
        add("end", facts.last.map { "\($0.milliseconds)" })
        let entries = facts.value["entries"]?.array?.compactMap(\.string).joined(separator: " ")
        for (index, custom) in [
            ("policy", text("policy")), ("sourceEntries", entries), ("dropId", text("drop.id")),
            ("credential", text("credential")), ("requestId", text("request.id")),
            ("eventType", text("drop.event_type")),
        ].enumerated() {
            guard let value = custom.1, !value.isEmpty else { continue }
            add("cs\(index + 1)Label", custom.0)
            add("cs\(index + 1)", value, limit: 4000)
        }
        if let status = number("request.status") {
            add("cn1Label", "httpStatus")
            add("cn1", status)
        }
        add("msg", text("detail.message") ?? text("detail.error") ?? facts.summary)
        return fields
    }

    // MARK: Escaping

    /// In the header `|` and `\` are escaped, and there may be no line break.
    private static func headerField(_ text: String) -> String {
        var result = ""
        for scalar in UntrustedText.visible(text).unicodeScalars {
            switch scalar {
            case "|", "\\": result += "\\\(scalar)"
            case _ where scalar.isBreakOrControl: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// In a value `=` and `\` are escaped and line breaks are written `\n` and `\r`.
    private static func value(_ text: String, limit: Int) -> String {
        var result = ""
        for scalar in UntrustedText.visible(text).unicodeScalars.prefix(limit) {
            switch scalar {
            case "=", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case _ where scalar.isBreakOrControl: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Unicode.Scalar {
    /// C0, C1 and DEL.
    fileprivate var isBreakOrControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}

extension Instant {
    /// Whole milliseconds since the epoch, rounded down.
    var milliseconds: Int64 {
        let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1000)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension EntryFormat {
    /// ArcSight Common Event Format.
    package static let cef = EntryFormat("cef", facts: CEFFormat.record)
}
