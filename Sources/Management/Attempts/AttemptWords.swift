// What happened, in the words of an entry: who, which request, which file, how often. For people, on a terminal and on a page. Pure.
import Admission
package import JSON
import Ledger

package struct AttemptWords: Sendable {
    private let entry: JSONValue
    private let past: String?

    /// - Parameter past: `RefusalHistory.words`.
    package init(_ entry: JSONValue, past: String? = nil) {
        self.entry = entry
        self.past = past
    }

    /// One line; what cannot be shown stands in it as escapes.
    package var text: String {
        var words = caller + request + drop
        if let detail = entry["detail"] { words += told(by: detail) }
        words += RefusalWords(entry).reasons
        if let past { words.append("(\(past))") }
        if let count = entry["count"]?.int, count > 1 { words.append("(\(count) times)") }
        return UntrustedText.stored(words.joined(separator: " "))
    }

    private var caller: [String] {
        (entry["account"]?.string.map { ["account \($0)"] } ?? []) + RefusalWords(entry).login
    }

    private var request: [String] {
        guard let request = entry["request"] else { return [] }
        return ["method", "path"].compactMap { request[$0]?.string }
            + (request["status"]?.int.map { ["\($0)"] } ?? [])
    }

    private var drop: [String] {
        guard let drop = entry["drop"] else { return [] }
        return ["event_type", "name"].compactMap { drop[$0]?.string }.filter { !$0.isEmpty }
            + (drop["bytes"]?.int.map { [Counted.bytes($0)] } ?? [])
    }

    private func told(by detail: JSONValue) -> [String] {
        var words: [String] = []
        // A renamed drop, or one that was accepted when it got its final name.
        let before = detail["from"] ?? detail["uploaded_as"]
        if let before = before?.string { words.append("(was \(before))") }
        let person = PersonWords(detail)
        words += ["command", "query"].compactMap { detail[$0]?.string }
        if let person { words.append("by \(person.name)") }
        words += ["message", "error"].compactMap { detail[$0]?.string }
        words += ["diff", "problems", "accounts"].flatMap { detail[$0]?.array ?? [] }.compactMap(\.string)
        if let comment = person?.comment { words.append("(\(comment))") }
        return words
    }
}
