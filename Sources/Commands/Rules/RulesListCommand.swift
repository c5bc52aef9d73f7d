// `dropgate rules list`: every row of the document, table by table, with what it does not show.
import Admission
import ArgumentParser
import JSON
import Ledger
import RuleBook
import Settings

struct RulesListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show every row of VSee's network rules.",
        discussion:
            "\"undocumented\" marks what VSee's document does not show; such a row falls back to another.")

    @OptionGroup var gate: GateOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let books = try gate.ruleBooks()
        if output.isJSON { return Output.json(["books": .array(books.map(\.json))]) }
        for (index, book) in books.enumerated() {
            if index > 0 { Output.line() }
            show(book)
        }
    }

    private func show(_ book: RuleBook) {
        let page = book.document.page.map { ", \(UntrustedText.line($0))" } ?? ""
        Output.line(
            Colour.bold(book.name)
                + "  \(UntrustedText.line(book.document.title))\(page), read \(book.document.read)")
        if let note = book.note { Output.line(UntrustedText.line(note)) }
        for table in book.tables {
            section(table.title)
            var lines = TextTable(["ROW", "PURPOSE", "PORTS", "SERVERS", ""])
            for row in table.rows { lines.add(cells(row)) }
            for line in lines.lines() { Output.line(line) }
            for row in table.rows {
                if let note = row.note { Output.line(Colour.faint("\(row.id): \(UntrustedText.line(note))")) }
            }
        }
        if !book.proxy.isEmpty {
            section("Proxy Servers")
            var lines = TextTable(["ROW", "WHAT IS ASKED", ""])
            for rule in book.proxy {
                lines.add([rule.id, UntrustedText.line(rule.purpose), rule.isOptional ? "recommended" : ""])
            }
            for line in lines.lines() { Output.line(line) }
        }
        if !book.outbound.isEmpty {
            section("Outbound Connections (VSee to you)")
            var lines = TextTable(["ROW", "SERVICE", "ADDRESS"])
            for rule in book.outbound {
                lines.add([rule.id, UntrustedText.line(rule.service), "\(rule.address.base)"])
            }
            for line in lines.lines() { Output.line(line) }
        }
    }

    private func section(_ title: String) {
        Output.line()
        Output.line(Colour.bold(UntrustedText.line(title)))
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

extension RuleBook {
    var json: JSONValue {
        var facts: [String: JSONValue] = ["title": .string(document.title), "read": .string(document.read)]
        facts["page"] = document.page.map(JSONValue.string)
        var members: [String: JSONValue] = [
            "name": .string(name), "document": .object(facts),
            "tables": .array(
                tables.map { table in
                    [
                        "id": .string(table.kind.rawValue), "title": .string(table.title),
                        "rows": .array(table.rows.map(\.json)),
                    ]
                }),
            "proxy": .array(
                proxy.map { rule in
                    [
                        "id": .string(rule.id), "purpose": .string(rule.purpose),
                        "means": .string(rule.means.rawValue), "optional": .bool(rule.isOptional),
                    ]
                }),
            "outbound": .array(
                outbound.map { rule in
                    [
                        "id": .string(rule.id), "service": .string(rule.service),
                        "address": .string(rule.address.base.description),
                    ]
                }),
        ]
        members["note"] = note.map(JSONValue.string)
        return .object(members)
    }
}

extension NetworkRule {
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(id), "purpose": .string(purpose), "optional": .bool(isOptional),
            "ports": .array(ports.map { .string($0.description) }),
            "servers": .array(servers.map { .string($0.text) }),
            "undocumented": .array(undocumentedWords.map(JSONValue.string)),
        ]
        members["detail"] = detail.map(JSONValue.string)
        members["falls_back_to"] = fallsBackTo.map(JSONValue.string)
        members["note"] = note.map(JSONValue.string)
        return .object(members)
    }
}
