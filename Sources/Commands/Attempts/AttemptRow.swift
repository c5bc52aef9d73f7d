// One ledger entry as a row of a table for people. It shows what the entry says, and what the ledger knows of a refused
// source from before.
package import JSON
import Management

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
                entry["kind"]?.string ?? "", entry["source"]?["ip"]?.string ?? "-",
                AttemptWords(entry, past: past).text,
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
}
