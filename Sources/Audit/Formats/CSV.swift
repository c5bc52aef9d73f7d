// Comma-separated values (RFC 4180) that a spreadsheet cannot take for formulas.
import Admission

package enum CSV {
    /// One record with its CRLF.
    package static func line(_ cells: [String]) -> String {
        cells.map(cell).joined(separator: ",") + "\r\n"
    }

    /// A cell that begins like a formula gets an apostrophe in front (OWASP, "CSV Injection").
    package static func cell(_ text: String) -> String {
        // First: a formula behind an invisible character is one too.
        var text = UntrustedText.visible(text)
        if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) {
            text = "'" + text
        }
        guard text.unicodeScalars.contains(where: { "\",\r\n".unicodeScalars.contains($0) }) else {
            return text
        }
        return "\"" + UntrustedText.replacing(in: text) { $0 == "\"" ? "\"\"" : nil } + "\""
    }
}
