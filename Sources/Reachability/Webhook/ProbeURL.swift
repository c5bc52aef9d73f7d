// The URL of a webhook, read strictly: what is sent is exactly what was written. No user information (secrets have
// options of their own), no fragment, no guessing at missing parts but the default port.
import Admission

package struct ProbeURL: Sendable, Hashable, CustomStringConvertible {
    package let isTLS: Bool
    /// A name, or an address without brackets.
    package let host: String
    package let port: UInt16
    /// Path and query, beginning with `/`.
    package let path: String

    private static let longest = 2048

    package init(_ text: String) throws(TargetError) {
        func problem(_ why: String) -> TargetError {
            // The part behind the scheme may hold a secret that somebody put there.
            TargetError(
                "not the URL of a webhook: \(why), as in https://gate.example:8443/webhooks/vsee")
        }
        guard text.utf8.count <= Self.longest, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw problem("it is printable ASCII without spaces, \(Self.longest) bytes at most")
        }
        let rest: Substring
        if text.hasPrefix("https://") {
            isTLS = true
            rest = text.dropFirst(8)
        } else if text.hasPrefix("http://") {
            isTLS = false
            rest = text.dropFirst(7)
        } else {
            throw problem("it begins with https:// or http://")
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let behind = rest.dropFirst(authority.count)
        guard !authority.contains("@") else {
            throw problem("user names and passwords belong in --basic-user and --password-file")
        }
        guard !behind.contains("#") else { throw problem("a fragment (#) is never sent") }
        guard let (host, port) = Self.split(authority) else {
            throw problem(
                "the host is a name, an IPv4 address or an IPv6 address in brackets, with a port or none")
        }
        self.host = host
        self.port = port ?? (isTLS ? 443 : 80)
        path = behind.hasPrefix("/") ? String(behind) : "/" + behind
    }

    private init(isTLS: Bool, host: String, port: UInt16, path: String) {
        self.isTLS = isTLS
        self.host = host
        self.port = port
        self.path = path
    }

    private static func split(_ authority: Substring) -> (String, UInt16?)? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let inside = authority[authority.index(after: authority.startIndex)..<end]
            guard inside.contains(":"), (try? IPAddress(inside)) != nil else { return nil }
            let behind = authority[authority.index(after: end)...]
            if behind.isEmpty { return (String(inside), nil) }
            guard behind.hasPrefix(":"), let port = port(behind.dropFirst()) else { return nil }
            return (String(inside), port)
        }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, isHost(parts[0]) else { return nil }
        guard parts.count == 2 else { return (String(parts[0]), nil) }
        guard let port = port(parts[1]) else { return nil }
        return (String(parts[0]), port)
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(text),
            port > 0
        else { return nil }
        return port
    }

    /// A dotted quad, or a name whose last label is not a number: `127.1` is neither.
    private static func isHost(_ text: Substring) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 253 else { return false }
        let labels = (text.hasSuffix(".") ? text.dropLast() : text).split(
            separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        }
        guard isName, let last = labels.last else { return false }
        if last.allSatisfy(\.isNumber) { return (try? IPAddress(text)) != nil }
        return true
    }

    /// The host as it stands in URLs and in the Host field.
    private var bracketed: String { host.contains(":") ? "[\(host)]" : host }

    /// The value of the Host field.
    package var authority: String { port == (isTLS ? 443 : 80) ? bracketed : "\(bracketed):\(port)" }

    package var description: String { "\(isTLS ? "https" : "http")://\(authority)\(path)" }

    /// The same place with another path.
    package func at(path: String) -> ProbeURL {
        ProbeURL(isTLS: isTLS, host: host, port: port, path: path)
    }
}
