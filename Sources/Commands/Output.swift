// What commands print: answers to stdout, errors and progress to stderr. Text from outside must be made
// printable before it comes here (`UntrustedText`); what misleads in a line for people is escaped here at last.
import Admission
import Files
import Foundation
import JSON
import Synchronization

package enum Output {
    /// Takes what is printed in place of the process's own streams: for tests.
    package final class Capture: Sendable {
        private let texts = Mutex<(out: String, error: String)>(("", ""))

        package init() {}

        package var out: String { texts.withLock { $0.out } }
        package var error: String { texts.withLock { $0.error } }

        fileprivate func add(_ text: String, toError: Bool) {
            texts.withLock { if toError { $0.error += text } else { $0.out += text } }
        }
    }

    @TaskLocal package static var capture: Capture?

    static func line(_ text: String = "") { write(UntrustedText.visible(text) + "\n", to: STDOUT_FILENO) }

    /// - Parameter colour: given the column and the padded cell.
    static func table(_ table: TextTable, colour: (Int, String) -> String = { $1 }) {
        for line in table.lines(colour: colour) { self.line(line) }
    }

    static func text(_ text: String) { write(text, to: STDOUT_FILENO) }

    /// Bytes that must come out as they are.
    static func bytes(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }

    /// Whether nobody reads stdout any more: the other end of its pipe, socket or terminal is closed.
    static var isReaderGone: Bool {
        guard capture == nil else { return false }
        var watched = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
        return poll(&watched, 1, 0) > 0 && watched.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0
    }

    /// A line for people beside the answer.
    static func note(_ text: String) { write(UntrustedText.visible(text) + "\n", to: STDERR_FILENO) }

    /// Part of a line that is written over again.
    static func progress(_ text: String) { write(text, to: STDERR_FILENO) }

    static func error(_ message: String, prefix: String = "dropgate: ") {
        write(prefix + UntrustedText.visible(message) + "\n", to: STDERR_FILENO)
    }

    /// One JSON value on a line of its own, as it is: for programs.
    static func json(_ value: JSONValue) { bytes(CanonicalJSON.encode(value) + [0x0A]) }

    private static func write(_ text: String, to descriptor: Int32) {
        write(Array(text.utf8), to: descriptor)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        if let capture {
            return capture.add(String(decoding: bytes, as: UTF8.self), toError: descriptor == STDERR_FILENO)
        }
        // A reader that is gone (EPIPE) needs no more text.
        try? SystemCall.write(bytes, to: descriptor)
    }
}

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
