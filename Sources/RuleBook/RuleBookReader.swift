// One file of network rules to a rule book, strictly: an unknown key, a wrong type, a row that says neither what it
// needs nor that this is undocumented, and a fallback to nowhere are problems with file and line.
import Admission
import Settings

struct RuleBookReader {
    let log: ProblemLog

    private typealias Values = [String: YAMLValue]

    /// nil after logging.
    func read(_ root: YAMLValue) -> RuleBook? {
        let keys = ["name", "document", "note", "tables", "proxy", "outbound"]
        let before = log.count
        guard let values = root.mapping(allowing: keys) else { return nil }
        let name = need("name", "give the rules a name", in: values, root) { id($0) }
        let document = need("document", "say what was read and on which day", in: values, root, document)
        let tables = need("tables", "list the document's tables", in: values, root) { value in
            value.list("a list of tables").map { $0.compactMap(table) }
        }
        let proxy = values["proxy"].map { $0.list("a list of rules")?.compactMap(proxyRule) ?? [] } ?? []
        let outbound = values["outbound"].map {
            $0.list("a list of addresses")?.compactMap(outboundRule) ?? []
        }
        let note = values["note"].flatMap { $0.paragraph() }
        guard let name, let document, let tables else { return nil }
        let book = RuleBook(
            name: name, document: document, note: note, tables: tables.map(\.table), proxy: proxy.map(\.rule),
            outbound: outbound?.map(\.rule) ?? [])
        // A row that cannot be read may be the one that another names.
        if log.count == before { check(tables.flatMap(\.rows), proxy, outbound ?? [], book) }
        return book
    }

    // MARK: Across rows

    private struct Row {
        var rule: NetworkRule
        var value: YAMLValue
    }

    private func check(
        _ rows: [Row], _ proxy: [(rule: ProxyRule, value: YAMLValue)],
        _ outbound: [(rule: OutboundRule, value: YAMLValue)], _ book: RuleBook
    ) {
        var seen: [String: Place] = [:]
        let all =
            rows.map { ($0.rule.id, $0.value) } + proxy.map { ($0.rule.id, $0.value) }
            + outbound.map { ($0.rule.id, $0.value) }
        for (id, value) in all {
            if let other = seen.updateValue(value.place, forKey: id) {
                value.fail("\(id) is already the id of the row at \(other)")
            }
        }
        for row in rows {
            guard let target = row.rule.fallsBackTo else { continue }
            guard let other = book.row(target) else {
                log.add(row.value.place, "\(row.value.key).falls_back_to", Self.noRow(target))
                continue
            }
            if !other.undocumented.isEmpty {
                log.add(
                    row.value.place, "\(row.value.key).falls_back_to",
                    "\(target) is undocumented itself; name a row with ports and servers")
            }
        }
        for rule in proxy {
            if let row = rule.rule.row, book.row(row) == nil {
                log.add(rule.value.place, "\(rule.value.key).row", Self.noRow(row))
            }
        }
    }

    private static func noRow(_ id: String) -> String {
        ValueText.isPlain(id) ? "there is no row \(id)" : "there is no row of this id"
    }

    // MARK: Parts

    private func table(_ item: YAMLValue) -> (table: RuleTable, rows: [Row])? {
        guard let values = item.mapping(allowing: ["id", "title", "note", "rows"]) else { return nil }
        let kind = need("id", "name the table", in: values, item) { $0.word(RuleTable.Kind.self) }
        let title = need("title", "write the table's title", in: values, item) { $0.text() }
        let rows = need("rows", "list the table's rows", in: values, item) { value in
            value.list("a list of rows").map { $0.compactMap(row) }
        }
        let note = values["note"].flatMap { $0.paragraph() }
        guard let kind, let title, let rows else { return nil }
        return (RuleTable(kind: kind, title: title, note: note, rows: rows.map(\.rule)), rows)
    }

    private func row(_ item: YAMLValue) -> Row? {
        let keys = [
            "id", "purpose", "detail", "servers", "ports", "optional", "undocumented", "falls_back_to",
            "note",
        ]
        guard let values = item.mapping(allowing: keys) else { return nil }
        let name = need("id", "name the row", in: values, item) { id($0) }
        let purpose = need("purpose", "write the row's purpose", in: values, item) { $0.text() }
        let undocumented = values["undocumented"].map { $0.list { $0.word(NetworkRule.Part.self) } } ?? []
        let isOptional = values["optional"].map { $0.flag() } ?? false
        let servers = values["servers"].map { $0.list(of: server) } ?? []
        let ports = values["ports"].map { $0.list(of: portRange) } ?? []
        let detail = values["detail"].flatMap { $0.paragraph() }
        let fallsBackTo = values["falls_back_to"].flatMap { id($0) }
        let note = values["note"].flatMap { $0.paragraph() }
        guard let name, let purpose, let undocumented, let isOptional, let servers, let ports else {
            return nil
        }
        let unknown = Set(undocumented)
        for (part, isEmpty) in [(NetworkRule.Part.ports, ports.isEmpty), (.servers, servers.isEmpty)]
        where unknown.contains(part) != isEmpty {
            if isEmpty {
                item.missing(part.rawValue, "list them, or name them in undocumented")
            } else {
                log.add(
                    item.place, "\(item.key).\(part.rawValue)",
                    "is given and named in undocumented; keep one")
            }
        }
        if unknown.isEmpty, fallsBackTo != nil {
            log.add(item.place, "\(item.key).falls_back_to", "is for rows with undocumented parts only")
        }
        return Row(
            rule: NetworkRule(
                id: name, purpose: purpose, detail: detail, servers: servers, ports: ports,
                isOptional: isOptional, undocumented: unknown, fallsBackTo: fallsBackTo, note: note),
            value: item)
    }

    private func proxyRule(_ item: YAMLValue) -> (rule: ProxyRule, value: YAMLValue)? {
        let keys = ["id", "purpose", "means", "row", "optional", "note"]
        guard let values = item.mapping(allowing: keys) else { return nil }
        let name = need("id", "name the rule", in: values, item) { id($0) }
        let purpose = need("purpose", "write what is asked of proxies", in: values, item) { $0.text() }
        let means = need("means", "say what is meant", in: values, item) { $0.word(ProxyRule.Means.self) }
        let isOptional = values["optional"].map { $0.flag() } ?? false
        let row = values["row"].flatMap { id($0) }
        let note = values["note"].flatMap { $0.paragraph() }
        guard let name, let purpose, let means, let isOptional else { return nil }
        if means == .directUDP, row == nil {
            item.missing("row", "name the row whose servers are meant")
        }
        let rule = ProxyRule(
            id: name, purpose: purpose, means: means, row: row, isOptional: isOptional, note: note)
        return (rule, item)
    }

    private func outboundRule(_ item: YAMLValue) -> (rule: OutboundRule, value: YAMLValue)? {
        guard let values = item.mapping(allowing: ["id", "service", "address"]) else { return nil }
        let name = need("id", "name the rule", in: values, item) { id($0) }
        let service = need("service", "name the service that calls", in: values, item) { $0.text() }
        let address = need("address", "write the address", in: values, item) { $0.block() }
        guard let name, let service, let address else { return nil }
        return (OutboundRule(id: name, service: service, address: address), item)
    }

    // MARK: Values

    private func need<Value>(
        _ key: String, _ help: String, in values: Values, _ item: YAMLValue, _ read: (YAMLValue) -> Value?
    ) -> Value? {
        guard let value = values[key] else {
            item.missing(key, help)
            return nil
        }
        return read(value)
    }

    private func id(_ value: YAMLValue) -> String? {
        guard let text = value.text("a name") else { return nil }
        guard text.utf8.count <= 64,
            text.utf8.allSatisfy({
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
            })
        else {
            value.fail("\(value.quoted()) is not a name; use up to 64 small letters, digits and '-'")
            return nil
        }
        return text
    }

    private func server(_ value: YAMLValue) -> ServerName? {
        guard let text = value.text("a host name") else { return nil }
        guard let server = ServerName(text) else {
            value.fail("\(value.quoted()) is not a host name; write region.vsee.qa or \"*.vsee.qa\"")
            return nil
        }
        return server
    }

    private func portRange(_ value: YAMLValue) -> PortRange? {
        guard let text = value.text("a protocol and ports") else { return nil }
        guard let range = PortRange(text) else {
            value.fail("\(value.quoted()) names no ports; write TCP 443 or UDP 49152-65535")
            return nil
        }
        return range
    }

    private func document(_ value: YAMLValue) -> SourceEntry.Document? {
        guard let values = value.mapping(allowing: ["title", "page", "read"]) else { return nil }
        let page = values["page"].flatMap { $0.text() }
        let title = need("title", "say what was read", in: values, value) { $0.text() }
        let read = need("read", "say on which day it was read", in: values, value) { $0.date() }
        guard let title, let read else { return nil }
        return SourceEntry.Document(title: title, page: page, read: read)
    }
}
