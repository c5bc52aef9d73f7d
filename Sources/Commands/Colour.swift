// Colour in what is printed. It decides nothing else.
import Foundation

/// Colour for people on a terminal; nothing elsewhere, and nothing with NO_COLOR (no-color.org).
enum Colour: String {
    case red = "31"
    case green = "32"
    case yellow = "33"
    case faint = "2"
    case bold = "1"

    private static var isOn: Bool {
        let environment = ProcessInfo.processInfo.environment
        return Output.capture == nil && isatty(STDOUT_FILENO) == 1 && (environment["NO_COLOR"] ?? "").isEmpty
            && environment["TERM"] != "dumb"
    }

    func callAsFunction(_ text: String) -> String {
        Self.isOn ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }
}
