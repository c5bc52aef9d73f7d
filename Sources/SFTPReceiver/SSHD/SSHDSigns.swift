// What one sshd showed of itself: whether it had its connection, and what kept it from its work. Pure.
// The caller has no part in it: before sshd has the connection it has read nothing, and what it lacks it says in words of its own.
import Admission

struct SSHDSigns: Sendable {
    /// Lines that are kept: the first ones, and the last, which says why it ended.
    private static let mostLines = 4
    private var hasBegun = false
    private var lack: String?
    private var hasName = false
    private var lines: [String] = []

    /// - Parameter message: as sshd wrote it, of which `event` is what it tells.
    mutating func note(_ event: SSHDLogEvent, _ message: String) {
        switch event {
        case .began: hasBegun = true
        case .unable(let text): lack = lack ?? UntrustedText.head(text, limit: 512)
        default: if event.account != nil { hasName = true }
        }
        if !hasBegun { keep(message) }
    }

    private mutating func keep(_ message: String) {
        let text = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        // "@@@…" frames OpenSSH's warning of a key that others may read.
        guard !text.isEmpty, !text.hasPrefix("@") else { return }
        if lines.count == Self.mostLines { lines.removeLast() }
        lines.append(UntrustedText.head(text, limit: 256))
    }

    /// A caller came as far as its name, and sshd lacked nothing.
    var showItWorks: Bool { hasName && lack == nil }

    /// Why it could serve nobody; nil where the end of the connection has another reason.
    /// - Parameters:
    ///   - isReset: the connection was, by its caller: sshd may end without a word when it then asks who that was.
    func failure(of sshd: String, _ ending: SSHDEnding, isReset: Bool) -> String? {
        if hasBegun { return lack.map { "\(sshd) cannot do its work: \($0)" } }
        guard !isReset else { return nil }
        let said = lines.isEmpty ? ", and said nothing" : ": \(lines.joined(separator: "; "))"
        return "\(sshd) \(ending) before it had the connection\(said)"
    }
}
