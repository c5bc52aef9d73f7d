// VSee's network rules as values: the rows of its tables, each with what is known of it and what is not.
// Nothing here is guessed: what the document does not show stays in `undocumented`.
package import Admission

/// One file of rules.
package struct RuleBook: Sendable, Hashable {
    package var name: String
    package var document: SourceEntry.Document
    package var note: String?
    package var tables: [RuleTable]
    package var proxy: [ProxyRule]
    package var outbound: [OutboundRule]

    package var rows: [NetworkRule] { tables.flatMap(\.rows) }

    package func row(_ id: String) -> NetworkRule? { rows.first { $0.id == id } }

    /// The row whose ports and servers stand in for what `row` does not have, or nil.
    package func standIn(for row: NetworkRule) -> NetworkRule? { row.fallsBackTo.flatMap(self.row) }

    /// What a row means in practice: its own ports and servers, and the stand-in's where it has none.
    package func effective(_ row: NetworkRule) -> (ports: [PortRange], servers: [ServerName]) {
        let other = standIn(for: row)
        return (
            row.undocumented.contains(.ports) ? other?.ports ?? [] : row.ports,
            row.undocumented.contains(.servers) ? other?.servers ?? [] : row.servers
        )
    }
}

/// A table of the document.
package struct RuleTable: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable { case simplified, messenger, clinic, optional }

    package var kind: Kind
    package var title: String
    package var note: String?
    package var rows: [NetworkRule]
}

/// A row of a table: what must be let out.
package struct NetworkRule: Sendable, Hashable {
    /// What the document does not show of a row.
    package enum Part: String, Sendable, CaseIterable { case ports, servers }

    package var id: String
    /// As in the document.
    package var purpose: String
    package var detail: String?
    package var servers: [ServerName]
    package var ports: [PortRange]
    package var isOptional: Bool
    package var undocumented: Set<Part>
    /// The id of the row that stands in for what is undocumented.
    package var fallsBackTo: String?
    package var note: String?

    package var undocumentedWords: [String] {
        Part.allCases.filter(undocumented.contains).map(\.rawValue)
    }
}

/// A line of the document's section on proxy servers.
package struct ProxyRule: Sendable, Hashable {
    package enum Means: String, Sendable, CaseIterable {
        /// Advice; nothing to try.
        case bypass
        case persistentTCP = "persistent-tcp"
        case directUDP = "direct-udp"
    }

    package var id: String
    package var purpose: String
    package var means: Means
    /// The row whose servers and ports are meant.
    package var row: String?
    package var isOptional: Bool
    package var note: String?
}

/// A line of the document's section on outbound connections: an address from which VSee calls in.
package struct OutboundRule: Sendable, Hashable {
    package var id: String
    package var service: String
    package var address: CIDRBlock
}

/// A host of the document: a name, or `*.` and a name.
package struct ServerName: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    /// Letters, digits and hyphens in at least two labels (RFC 1123 section 2.1), after an optional `*.`.
    package init?(_ text: String) {
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count > 1, name.utf8.count <= 253,
            labels.allSatisfy({ label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy {
                        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
                    }
            })
        else { return nil }
        self.text = text
    }

    package var isWildcard: Bool { text.hasPrefix("*.") }
    package var description: String { text }
}
