// One ledger entry as a row of a table for people. It shows what the entry says, and what the ledger knows of a refused
// source from before.
import Admission
package import JSON
import Ledger

package struct AttemptRow {
    private let entry: JSONValue
    private let past: String?

    /// - Parameter past: `RefusalHistory.words`.
    package init(_ entry: JSONValue, past: String? = nil) {
        self.entry = entry
        self.past = past
    }

    // MARK: Table

    private static let widths = [20, 8, 22, 7, 10, 39]

    static var header: String {
        row(["TIME", "VERDICT", "REASON", "CHANNEL", "KIND", "SOURCE", "WHAT"])
    }

    package var line: String {
        let verdict = entry["verdict"]?.string ?? ""
        let colour: Colour = verdict == "accepted" ? .green : verdict == "observed" ? .yellow : .red
        let time = (entry["time"]?.string).map { $0.prefix(19) + "Z" } ?? ""
        return Self.row(
            [
                time, verdict, entry["reason"]?.string ?? "", entry["channel"]?.string ?? "-",
                entry["kind"]?.string ?? "", entry["source"]?["ip"]?.string ?? "-", what,
            ], paint: { column, text in column == 1 ? colour(text) : text })
    }

    private static func row(_ cells: [String], paint: (Int, String) -> String = { $1 }) -> String {
        cells.enumerated().map { column, cell in
            guard column < widths.count else { return cell }
            // IPv4 addresses are the rule; the column grows for the others.
            let width = column == 5 ? 15 : widths[column]
            return paint(column, cell) + String(repeating: " ", count: max(0, width - cell.count))
        }.joined(separator: "  ")
    }

    /// What happened, in the words of the entry: who, which request, which file, how often.
    private var what: String {
        var words: [String] = []
        if let account = entry["account"]?.string { words.append("account \(account)") }
        words += RefusalWords(entry).login
        if let request = entry["request"] {
            words.append(contentsOf: ["method", "path"].compactMap { request[$0]?.string })
            if let status = request["status"]?.int { words.append("\(status)") }
        }
        if let drop = entry["drop"] {
            words.append(
                contentsOf: ["event_type", "name"].compactMap { drop[$0]?.string }.filter { !$0.isEmpty })
            if let bytes = drop["bytes"]?.int { words.append(Counted.bytes(bytes)) }
        }
        if let detail = entry["detail"] {
            // A renamed drop, or one that was accepted when it got its final name.
            let before = detail["from"] ?? detail["uploaded_as"]
            if let before = before?.string { words.append("(was \(before))") }
            let person = PersonWords(detail)
            words.append(contentsOf: ["command", "query"].compactMap { detail[$0]?.string })
            if let person { words.append("by \(person.name)") }
            words.append(contentsOf: ["message", "error"].compactMap { detail[$0]?.string })
            words.append(
                contentsOf: ["diff", "problems", "accounts"].flatMap { detail[$0]?.array ?? [] }.compactMap(
                    \.string))
            if let comment = person?.comment { words.append("(\(comment))") }
        }
        words += RefusalWords(entry).reasons
        if let past { words.append("(\(past))") }
        if let count = entry["count"]?.int, count > 1 { words.append("(\(count) times)") }
        return UntrustedText.stored(words.joined(separator: " "))
    }
}
