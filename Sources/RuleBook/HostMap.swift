// Concrete hosts for servers that the document only describes: `*.vsee.qa=HOST` for a server of the book, or
// `messenger-turn=HOST` for one row.
import Admission

package struct HostMap: Sendable {
    private var hosts: [String: [String]] = [:]

    package init() {}

    /// Adds `PATTERN=HOST`; false when it is neither.
    package mutating func add(_ text: String) -> Bool {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
            String.init)
        guard parts.count == 2, !parts[0].isEmpty, Self.isHost(parts[1]) else { return false }
        hosts[parts[0], default: []].append(parts[1])
        return true
    }

    private static func isHost(_ text: String) -> Bool {
        if (try? IPAddress(text)) != nil { return true }
        return !text.isEmpty && text.utf8.count <= 253
            && text.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                    || $0 == 0x2D || $0 == 0x2E
            }
    }

    /// The hosts to use for a server of a row; none for a wildcard that nobody mapped.
    package func hosts(for server: ServerName, row: String) -> [String] {
        hosts[row] ?? hosts[server.text] ?? (server.isWildcard ? [] : [server.text])
    }

    /// Patterns that name neither a row nor a server of the books.
    package func unknown(in books: [RuleBook]) -> [String] {
        let known = Set(books.flatMap { $0.rows.flatMap { [$0.id] + $0.servers.map(\.text) } })
        return hosts.keys.filter { !known.contains($0) }.sorted()
    }
}
