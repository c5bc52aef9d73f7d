// `dropgate rules list`: every row of the document, table by table, with what it does not show.
import Admission
import ArgumentParser
import JSON
import Management
import RuleBook

struct RulesListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show every row of VSee's network rules.",
        discussion:
            "\"undocumented\" marks what VSee's document does not show; such a row falls back to another.")

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let books = try gate.rules().books()
        if output.isJSON { return try Output.json(["books": .array(books.map(\.json))]) }
        for (index, book) in books.enumerated() {
            if index > 0 { try Output.line() }
            try show(book)
        }
    }

    private func show(_ book: RuleBook) throws {
        let page = book.document.page.map { ", \(UntrustedText.line($0))" } ?? ""
        try Output.line(
            Colour.bold(book.name)
                + "  \(UntrustedText.line(book.document.title))\(page), read \(book.document.read)")
        if let note = book.note { try Output.line(UntrustedText.line(note)) }
        for table in book.tables {
            try section(table.title)
            var lines = TextTable(["ROW", "PURPOSE", "PORTS", "SERVERS", ""])
            for row in table.rows { lines.add(cells(row)) }
            try Output.table(lines)
            for row in table.rows {
                if let note = row.note {
                    try Output.line(Colour.faint("\(row.id): \(UntrustedText.line(note))"))
                }
            }
        }
        if !book.proxy.isEmpty {
            try section("Proxy Servers")
            var lines = TextTable(["ROW", "WHAT IS ASKED", ""])
            for rule in book.proxy {
                lines.add([rule.id, UntrustedText.line(rule.purpose), rule.isOptional ? "recommended" : ""])
            }
            try Output.table(lines)
        }
        if !book.outbound.isEmpty {
            try section("Outbound Connections (VSee to you)")
            var lines = TextTable(["ROW", "SERVICE", "ADDRESS"])
            for rule in book.outbound {
                lines.add([rule.id, UntrustedText.line(rule.service), "\(rule.address.base)"])
            }
            try Output.table(lines)
        }
    }

    private func section(_ title: String) throws {
        try Output.line()
        try Output.line(Colour.bold(UntrustedText.line(title)))
    }

    private func cells(_ row: NetworkRule) -> [String] {
        let ports = Transport.allCases.compactMap { transport -> String? in
            let ports = row.ports.filter { $0.transport == transport }.map { $0.ports() }
            return ports.isEmpty ? nil : transport.rawValue.uppercased() + " " + ports.joined(separator: ",")
        }
        var remarks = row.isOptional ? ["optional"] : []
        if !row.undocumented.isEmpty {
            let standIn = row.fallsBackTo.map { "falls back to \($0)" } ?? "nothing stands in"
            remarks.append("undocumented: \(row.undocumentedWords.joined(separator: ", ")); \(standIn)")
        }
        return [
            row.id, UntrustedText.line(row.purpose),
            ports.isEmpty ? "undocumented" : ports.joined(separator: " "),
            row.servers.isEmpty ? "undocumented" : row.servers.map(\.text).joined(separator: ","),
            remarks.joined(separator: "; "),
        ]
    }
}
