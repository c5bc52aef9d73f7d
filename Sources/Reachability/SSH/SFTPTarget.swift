// Where an SFTP server is: `HOST`, `HOST:PORT`, `[IPV6]:PORT` or `sftp://USER@HOST:PORT/DIRECTORY`. Parsing only.
import Admission

package struct SFTPTarget: Sendable, Hashable, CustomStringConvertible {
    package var user: String?
    package var host: String
    package var port: UInt16
    /// Without slashes around it; empty for where a login begins.
    package var directory: String

    package init(_ text: String) throws(TargetError) {
        func problem(_ why: String) -> TargetError {
            // What was given is not repeated: somebody may have put a password into it.
            TargetError(
                "the server's place \(why); write HOST, HOST:PORT, [IPV6]:PORT or "
                    + "sftp://USER@HOST:PORT/")
        }
        var rest = text[...]
        let scheme = "sftp://"
        if rest.lowercased().hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
        } else if rest.contains("://") {
            throw problem("is not an sftp URL")
        }
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        directory = parts.count > 1 ? parts[1].split(separator: "/").joined(separator: "/") : ""
        var authority = parts[0]
        user = nil
        if let at = authority.lastIndex(of: "@") {
            let name = authority[..<at]
            guard !name.isEmpty, !name.contains(":") else {
                throw problem("has no plain user name before @ (a password comes from --password-file)")
            }
            user = String(name)
            authority = authority[authority.index(after: at)...]
        }
        var portText: Substring?
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { throw problem("has no ] after [") }
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.first == ":" else {
                throw problem("has something between ] and the port")
            }
            portText = after.isEmpty ? nil : after.dropFirst()
            host = String(authority[authority.index(after: authority.startIndex)..<end])
        } else if authority.count(where: { $0 == ":" }) == 1, let colon = authority.firstIndex(of: ":") {
            portText = authority[authority.index(after: colon)...]
            host = String(authority[..<colon])
        } else {
            host = String(authority)
        }
        guard !host.isEmpty, host.utf8.count <= 255, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw problem("names no host")
        }
        guard let port = portText.map({ UInt16($0) }) ?? 22, port > 0 else { throw problem("has no port") }
        self.port = port
    }

    package var description: String {
        let place = host.contains(":") ? "[\(host)]" : host
        return "sftp://" + (user.map { UntrustedText.head($0) + "@" } ?? "") + "\(place):\(port)/"
            + UntrustedText.head(directory, limit: 255)
    }
}
