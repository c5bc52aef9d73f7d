// An entry as lines of a block list, every text quoted so that YAML reads back what was given.
import Admission

enum SourceEntryText {
    /// `sayingMode`: also when it is `enforce`, because the list says another for all.
    /// `sayingNoDocument`: where it has none, because the list says one for all.
    static func lines(
        _ entry: SourceEntry, indent: Int, sayingMode: Bool, sayingNoDocument: Bool
    ) -> [Substring] {
        let channels = Channel.allCases.filter(entry.channels.contains).map(\.rawValue).joined(
            separator: ", ")
        var fields = [
            "cidr: \(quoted(entry.cidr.description))", "service: \(quoted(entry.service))",
            "channels: [\(channels)]",
        ]
        if let id = entry.ownID { fields.insert("id: \(quoted(id))", at: 2) }
        if let document = entry.document {
            let page = document.page.map { ", page: \(quoted($0))" } ?? ""
            fields.append("document: {title: \(quoted(document.title))\(page), read: \(document.read)}")
        } else if sayingNoDocument {
            fields.append("document: \(SourceListReader.noDocument)")
        }
        if let owner = entry.owner { fields.append("owner: \(quoted(owner))") }
        if let review = entry.reviewBy { fields.append("review_by: \(time(review))") }
        if let expires = entry.expires { fields.append("expires: \(time(expires))") }
        if entry.mode != .enforce || sayingMode { fields.append("mode: \(entry.mode.rawValue)") }
        if let note = entry.note { fields.append("note: \(quoted(note))") }
        let margin = String(repeating: " ", count: indent)
        return fields.enumerated().map { "\(margin)\($0 == 0 ? "- " : "  ")\($1)"[...] }
    }

    /// Midnight as a date, another instant in full.
    static func time(_ instant: Instant) -> String {
        let text = instant.description
        return text.hasSuffix("T00:00:00.000000Z") ? String(text.prefix(10)) : text
    }

    /// A YAML double-quoted scalar (YAML 1.2 section 7.3.1).
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                result += "\\x" + (hex.count < 2 ? "0" : "") + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
