// The exchange of identification lines that SSH begins with (RFC 4253 section 4.2), done here and not by the
// library: only so can a probe tell silence, a closed door and another protocol apart, and time the step.
import Admission

package struct SSHGreeting: Sendable, Hashable {
    /// What this side says it is; the library must sign over the same.
    static let own = "SSH-2.0-dropgate"
    private static let mostBytes = 16384

    package enum Failure: Error, Sendable, Hashable {
        /// Closed or reset before a byte came.
        case closedAtOnce
        /// Another protocol, or words without an identification; what came first, printable.
        case notSSH(String)
        case timeout
    }

    /// The other side's line, printable: `SSH-2.0-OpenSSH_9.2p1`.
    package let line: String
    /// All that came, for the library to read again.
    let bytes: [UInt8]

    package static func exchange(
        _ socket: ProbeSocket, until deadline: Deadline
    ) throws(Failure) -> SSHGreeting {
        // A failed write is told apart by what can be read: a closed door, or words and then a closed door.
        _ = socket.write(Array((own + "\r\n").utf8), until: deadline)
        var bytes: [UInt8] = []
        while true {
            if let line = try identification(in: bytes) {
                return SSHGreeting(line: UntrustedText.head(line, limit: 255), bytes: bytes)
            }
            switch socket.read(until: deadline) {
            case .bytes(let more): bytes += more
            case .timeout: throw bytes.isEmpty ? .timeout : .notSSH(head(bytes))
            case .end, .failed: throw bytes.isEmpty ? .closedAtOnce : .notSSH(head(bytes))
            }
        }
    }

    /// The identification line once it is whole; a server may send other lines before it.
    static func identification(in bytes: [UInt8]) throws(Failure) -> String? {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        lines.removeLast()
        for line in lines {
            let text = String(
                decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
            if text.hasPrefix("SSH-") { return text }
            if text.hasPrefix("HTTP/") { throw .notSSH(head(bytes)) }
        }
        // TLS records begin with their type, 20 to 23, and a version 3.x.
        let isTLS = bytes.count >= 2 && (20...23).contains(bytes[0]) && bytes[1] == 3
        if isTLS || bytes.count > mostBytes { throw .notSSH(isTLS ? "TLS" : head(bytes)) }
        return nil
    }

    private static func head(_ bytes: [UInt8]) -> String {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        return UntrustedText.head(String(decoding: line, as: UTF8.self), limit: 80)
    }
}
