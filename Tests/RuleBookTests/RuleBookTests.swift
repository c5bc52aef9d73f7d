// The rule book: the shipped one has every row of the document, and a mistake is named with file and line.
import Admission
import RuleBook
import Settings
import Testing

@Suite struct RuleBookTests {
    private func shipped() throws -> RuleBook {
        try RuleBookLoader.parse(Shipped.rules, path: "rules.yaml")
    }

    /// Row, ports, servers, undocumented, falls back to.
    private static let rows: [(String, String, String, String, String)] = [
        (
            "simplified-core",
            "TCP 80,TCP 443,TCP 3478,TCP 5222,UDP 1853,UDP 3478,UDP 6000,UDP 6001,UDP 6256,UDP 10000,UDP 49152-65535",
            "*.vsee.qa", "", ""
        ),
        ("simplified-presence", "TCP 443", "*.vsee.qa", "", ""),
        ("simplified-recording", "TCP 443", "s3.amazonaws.com", "", ""),
        ("messenger-directory", "", "", "ports,servers", "simplified-core"),
        ("messenger-turn", "UDP 3478", "", "servers", "simplified-core"),
        ("messenger-region", "TCP 443", "region.vsee.qa", "", ""),
        ("messenger-video-bridge", "UDP 10000", "", "servers", "simplified-core"),
        ("messenger-update", "", "", "ports,servers", "simplified-core"),
        ("messenger-profile", "", "", "ports,servers", "simplified-core"),
        ("messenger-diagnostics", "", "", "ports,servers", "simplified-core"),
        ("clinic-web", "", "", "ports,servers", "simplified-core"),
        ("clinic-presence", "", "", "ports,servers", "simplified-presence"),
        ("optional-sso", "TCP 443", "", "servers", ""),
        ("optional-recording", "TCP 443", "s3.amazonaws.com", "", ""),
    ]

    @Test func theShippedBookHasEveryRowOfTheDocument() throws {
        let book = try shipped()
        #expect(book.rows.map(\.id) == Self.rows.map(\.0))
        for (row, (id, ports, servers, undocumented, fallback)) in zip(book.rows, Self.rows) {
            #expect(row.ports.map(\.description).joined(separator: ",") == ports, "\(id)")
            #expect(row.servers.map(\.text).joined(separator: ",") == servers, "\(id)")
            #expect(row.undocumentedWords.joined(separator: ",") == undocumented, "\(id)")
            #expect(row.fallsBackTo ?? "" == fallback, "\(id)")
        }
        #expect(book.tables.map { $0.rows.count } == [3, 7, 2, 2])
        #expect(
            book.rows.filter(\.isOptional).map(\.id) == [
                "simplified-recording", "optional-sso", "optional-recording",
            ])
        #expect(book.proxy.map(\.means) == [.bypass, .persistentTCP, .directUDP, .directUDP])
        #expect(book.outbound.map { "\($0.address)" } == ["20.21.208.105/32", "20.21.208.105/32"])
        #expect(book.document.read == "2026-11-23")
    }

    @Test func anAddressThatStandsNearARowIsANoteAndNoServer() throws {
        let row = try #require(try shipped().row("messenger-turn"))
        #expect(row.servers.isEmpty && row.note?.contains("20.173.76.208") == true)
        #expect(row.note?.contains("proxy servers") == true)
    }

    @Test func whatIsUndocumentedIsTheStandIns() throws {
        let book = try shipped()
        let turn = book.effective(try #require(book.row("messenger-turn")))
        #expect(turn.ports.map(\.description) == ["UDP 3478"] && turn.servers.map(\.text) == ["*.vsee.qa"])
        let web = book.effective(try #require(book.row("clinic-web")))
        #expect(web.ports.count == 11 && web.servers.map(\.text) == ["*.vsee.qa"])
        #expect(book.effective(try #require(book.row("optional-sso"))).servers.isEmpty)
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        let row: String
        let message: String
        var testDescription: String { message }
    }

    private static let head = """
        name: test
        document: {title: T, read: 2026-11-23}
        tables:
          - id: simplified
            title: Rules
            rows:

        """

    @Test(arguments: [
        Mistake(
            row: "{id: a, purpose: P, servers: [a.b], port: [TCP 1]}",
            message: "unknown key; did you mean ports?"),
        Mistake(row: "{id: a, purpose: P, servers: [a.b], ports: [443]}", message: "\"443\" names no ports"),
        Mistake(row: "{id: a, purpose: P, servers: [a.b], ports: [TCP 0]}", message: "names no ports"),
        Mistake(row: "{id: a, purpose: P, servers: [a.b], ports: [TCP 65536]}", message: "names no ports"),
        Mistake(row: "{id: a, purpose: P, servers: [a.b], ports: [TCP 9-2]}", message: "names no ports"),
        Mistake(row: "{id: a, purpose: P, servers: [a.b], ports: [SCTP 9]}", message: "names no ports"),
        Mistake(row: "{id: a, purpose: P, servers: [a.b], ports: TCP 9}", message: "expected a list"),
        Mistake(row: "{id: a, purpose: P, servers: [a.b]}", message: "ports: is missing; list them"),
        Mistake(row: "{id: a, purpose: P, ports: [TCP 1]}", message: "servers: is missing; list them"),
        Mistake(row: "{id: a, purpose: P, servers: ['a b'], ports: [TCP 1]}", message: "is not a host name"),
        Mistake(row: "{id: a, purpose: P, servers: ['*'], ports: [TCP 1]}", message: "is not a host name"),
        Mistake(
            row: "{id: a, purpose: P, servers: [a.b], ports: [TCP 1], undocumented: [ports]}",
            message: "ports: is given and named in undocumented"),
        Mistake(
            row: "{id: a, purpose: P, undocumented: [ports, hosts]}",
            message: "is not allowed; allowed here: ports"),
        Mistake(
            row: "{id: a, purpose: P, undocumented: [ports, servers], falls_back_to: b}",
            message: "falls_back_to: there is no row b"),
        Mistake(
            row: "{id: a, purpose: P, undocumented: [ports, servers], falls_back_to: a}",
            message: "a is undocumented itself"),
        Mistake(
            row: "{id: a, purpose: P, servers: [a.b], ports: [TCP 1], falls_back_to: a}",
            message: "is for rows with undocumented parts only"),
        Mistake(row: "{id: A_1, purpose: P, servers: [a.b], ports: [TCP 1]}", message: "is not a name"),
        Mistake(row: "{purpose: P, servers: [a.b], ports: [TCP 1]}", message: "id: is missing"),
        Mistake(row: "{id: a, servers: [a.b], ports: [TCP 1]}", message: "purpose: is missing"),
        Mistake(
            row: "{id: a, purpose: P, servers: [a.b], ports: [TCP 1], optional: yes}",
            message: "expected true or false"),
        Mistake(row: "just text", message: "expected a mapping"),
    ])
    func aMistakeIsNamedWithItsLine(_ mistake: Mistake) {
        do {
            _ = try RuleBookLoader.parse(Self.head + "      - \(mistake.row)\n", path: "/r.yaml")
            Issue.record("was read")
        } catch {
            #expect(error.problems.contains { "\($0)".hasPrefix("/r.yaml:7:") }, "\(error)")
            #expect("\(error)".contains(mistake.message), "\(error)")
        }
    }

    @Test(arguments: [
        "{id: SECRET, purpose: P, servers: [a.b], ports: [TCP 1]}",
        "{id: a, purpose: P, servers: ['SECRET=='], ports: [TCP 1]}",
        "{id: a, purpose: P, servers: [a.b], ports: [SECRET]}",
        "{id: a, purpose: P, servers: [a.b], ports: [TCP 1], optional: SECRET}",
        "{id: a, purpose: P, undocumented: [ports, SECRET]}",
        "{id: a, purpose: P, undocumented: [ports, servers], falls_back_to: SECRET}",
        "{id: a, purpose: P, undocumented: [ports, servers], falls_back_to: secret}",
    ])
    func aSecretInARowIsNotQuoted(row: String) {
        let secret = "5309458903f8168b057a647b94a158e4"
        let row = row.replacing("SECRET", with: secret.uppercased()).replacing("secret", with: secret)
        let error = #expect(throws: SettingsErrors.self) {
            try RuleBookLoader.parse(Self.head + "      - \(row)\n", path: "/r.yaml")
        }
        let said = error?.description ?? ""
        #expect(said.contains("/r.yaml:7:"), "\(said)")
        #expect(!said.lowercased().contains(secret), "\(said)")
    }

    @Test func twoRowsOfOneIdAreAProblem() {
        let row = "      - {id: a, purpose: P, servers: [a.b], ports: [TCP 1]}\n"
        #expect(throws: SettingsErrors.self) {
            try RuleBookLoader.parse(Self.head + row + row, path: "/r.yaml")
        }
        #expect(throws: SettingsErrors.self) { try RuleBookLoader.parse("tables: []\n", path: "/r.yaml") }
        #expect(throws: SettingsErrors.self) { try RuleBookLoader.parse("[", path: "/r.yaml") }
        #expect(throws: Never.self) { try RuleBookLoader.parse(Self.head + row, path: "/r.yaml") }
    }

    @Test(arguments: [
        ("*.vsee.qa=app.vsee.qa", true), ("messenger-turn=10.0.0.1", true), ("*.vsee.qa=::1", true),
        ("*.vsee.qa", false), ("=a", false), ("a=", false), ("*.vsee.qa=a b", false), ("a=b;c", false),
    ])
    func hostsAreMappedByPattern(text: String, isGood: Bool) {
        var map = HostMap()
        let isAdded = map.add(text)
        #expect(isAdded == isGood)
    }

    @Test func aRowsHostGoesBeforeAServers() throws {
        let book = try shipped()
        let wildcard = try #require(ServerName("*.vsee.qa"))
        var map = HostMap()
        #expect(map.hosts(for: wildcard, row: "messenger-turn").isEmpty)
        #expect(map.hosts(for: try #require(ServerName("region.vsee.qa")), row: "x") == ["region.vsee.qa"])
        for text in ["*.vsee.qa=web.vsee.qa", "messenger-turn=turn.vsee.qa", "zzz=a"] {
            let isAdded = map.add(text)
            #expect(isAdded)
        }
        #expect(map.hosts(for: wildcard, row: "messenger-turn") == ["turn.vsee.qa"])
        #expect(map.hosts(for: wildcard, row: "clinic-web") == ["web.vsee.qa"])
        #expect(map.unknown(in: [book]) == ["zzz"])
    }

    @Test(arguments: [
        ("http://proxy:3128", "proxy 3128"), ("http://[::1]:8080/", "::1 8080"),
        ("http://10.0.0.1:1", "10.0.0.1 1"),
        ("proxy:3128", ""), ("http://proxy", ""), ("http://user@proxy:1", ""), ("https://proxy:1", ""),
        ("http://proxy:0", ""), ("http://:1", ""),
    ])
    func aProxyHasHostAndPort(text: String, expected: String) {
        #expect(ProxyAddress(text).map { "\($0.host) \($0.port)" } ?? "" == expected)
    }
}
