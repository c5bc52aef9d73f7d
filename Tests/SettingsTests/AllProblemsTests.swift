// Everything that is wrong with a file is told in one run, and nothing that follows from another problem.
import Files
import Foundation
import Settings
import Testing

@Suite struct AllProblemsTests {
    /// A file and how each of its problems begins, all of them in order.
    struct Case: Sendable, CustomTestStringConvertible {
        var yaml: String
        var problems: [String]
        var testDescription: String { yaml.replacingOccurrences(of: "\n", with: "⏎") }

        init(_ yaml: String, _ problems: String...) {
            self.yaml = yaml
            self.problems = problems
        }
    }

    private static let tls = "tls: {certificate: certificate.pem, key: key.pem}"
    private static let webhook = "webhook: {listen: 1.2.3.4:1, \(tls)}"
    private static func webhook(_ more: String) -> String { "webhook: {listen: 1.2.3.4:1, \(tls), \(more)}" }
    private static func sftp(_ more: String) -> String { "state: state\nsftp: {listen: 1.2.3.4:2, \(more)}" }

    static let misspelt = [
        Case("webhook: {lisen: 1.2.3.4:1, \(tls)}", "1:11: webhook.lisen: unknown key; did you mean listen?"),
        Case("webhook: {listen: 1.2.3.4:1, tsl: {}}", "1:30: webhook.tsl: unknown key; did you mean tls?"),
        Case(
            "webhook: {listen: 1.2.3.4:1, tls: {cert: a, key: key.pem}}",
            "1:36: webhook.tls.cert: unknown key; did you mean certificate?"),
        Case("webhok: {}", "1:1: webhok: unknown key; did you mean webhook?"),
        Case(
            webhook("address: forwarded, trusted_proxy: [10.0.0.1]"),
            "1:101: webhook.trusted_proxy: unknown key; did you mean trusted_proxies?"),
        Case(
            webhook("unlisted: quarantine, secretfile: x"),
            "1:103: webhook.secretfile: unknown key; did you mean secret_file?"),
        Case(
            webhook("basic: {user: a, passwordfile: x}"),
            "1:98: webhook.basic.passwordfile: unknown key; did you mean password_file?"),
        Case(
            "\(webhook)\nconsole: {listen: 127.0.0.1:3, tokenfile: x}",
            "2:32: console.tokenfile: unknown key; did you mean token_file?"),
        Case(
            "\(webhook)\nledger: {witnesses: [syslog]}\nforward: {sylog: {address: \"tcp://a:1\"}}",
            "3:11: forward.sylog: unknown key; did you mean syslog?"),
        Case("stat: state\nsftp: {listen: 1.2.3.4:2}", "1:1: stat: unknown key; did you mean state?"),
        // What may have been meant by it nobody can tell.
        Case(
            "webhook: {ports: 1, \(tls)}", "1:1: webhook.listen: is missing",
            "1:11: webhook.ports: unknown key; allowed here:"),
    ]

    static let wrong = [
        Case(
            "webhook: {listen: 1.2.3.4:1, tls: true}",
            "1:35: webhook.tls: expected a mapping with certificate,"),
        Case("webhook: yes", "1:10: webhook: expected a mapping with listen,"),
        Case("webhook:", "1:1: webhook: neither tls nor plaintext", "1:1: webhook.listen: is missing"),
        Case(
            webhook("unlisted: quarantine, secret_file: none"),
            "1:116: webhook.secret_file: expected the path of a file, found a text of 4 characters"),
        Case(webhook("standard_webhooks: {}"), "1:81: webhook.standard_webhooks.secret_files: is missing"),
        Case(
            webhook("max_connections: 0, max_connections_per_source: 20000"),
            "1:98: webhook.max_connections: expected a whole number from 1 to 1000000"),
        Case(
            "\(webhook)\nledger: {retain: 30d, seal_after: soon}", "2:35: ledger.seal_after: \"soon\" is not"),
        Case(
            "\(webhook)\nledger: {witnesses: [syslog]}\nforward: {syslog: {address: foo, key: none}}",
            "3:29: forward.syslog.address: \"foo\" is not a syslog receiver",
            "3:39: forward.syslog.key: expected the path of a file, found a text of 4 characters",
            "3:39: forward.syslog.key: certificate and key go together"),
        Case(
            "\(webhook)\nforward: {syslog: {address: \"tcp://a:1\", key: none}}",
            "2:47: forward.syslog.key: is for TLS, but the address is tcp://"),
        Case("state: [a]\nsftp: {listen: 1.2.3.4:2}", "1:8: state: expected a path, found a list"),
        Case(
            "state: none\nsftp: {listen: 1.2.3.4:2}",
            "1:8: state: none is not a directory; `dropgate init` makes what is missing"),
        Case("\(webhook)\nsources: [none/*.yaml]", "2:11: sources[0]: none/*.yaml names no file"),
        Case(
            "node: a b\nwebhook: {listen: a, path: b, tls: {certificate: none, key: key.pem}}\nledger: {retain: x}",
            "1:7: node: \"a b\" is not a node name", "2:19: webhook.listen: \"a\" is not a listen address",
            "2:28: webhook.path: a text of 1 character cannot be the path",
            "2:50: webhook.tls.certificate: cannot read none", "3:18: ledger.retain: \"x\" is not a duration"),
        Case("\(webhook)\n[a]: b", "2:1: a key is a word; allowed here: state,"),
    ]

    static let notYAML = [
        Case("node: [a\nwebhook: b", "1:7: not YAML: a list is not closed; write ] after its last value"),
        Case("webhook: {listen: a", "1:10: not YAML: a mapping is not closed; write } after its last value"),
        Case(
            "webhook:\n\tlisten: a",
            "2:1: not YAML: a value cannot begin with this character; indent with spaces"),
        Case("node: a: b", "1:8: not YAML: a key cannot stand here; put a value that holds \": \" in quotes"),
        Case("node: \"a", "1:7: not YAML: the text ends within quotes; close them"),
        Case("node: *a", "1:7: & and * at the beginning of a value are YAML anchors and aliases"),
        Case("node: *.a", "1:8: not YAML: *, & and ! at the beginning of a value mean something else"),
        Case("node: \"\\q\"", "1:8: not YAML: a backslash in double quotes begins an escape"),
        Case("node: a\n---\nnode: b", "2:1: not YAML: a second document begins here; keep one"),
        Case("node: a\nb", "2:1: not YAML: this is not a key; write key: value"),
        Case(
            "node: a\nno\u{1}de: b",
            "2:3: not YAML: it contains the character U+0001, which is not allowed in text; remove it"),
        Case("node: a\nnode: b", "1:1: given twice: node; keep one"),
    ]

    @Test(arguments: misspelt + wrong + notYAML)
    func allProblemsAreToldAndNoneThatFollows(of file: Case) throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(file.yaml)
        #expect(problems.count == file.problems.count, "\(problems)")
        for (problem, expected) in zip(problems, file.problems) {
            #expect(problem.hasPrefix("dropgate.yaml:\(expected)"), "\(problem)")
        }
    }

    @Test func aMisspeltVariableIsToldOnce() throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(
            "webhook: {\(Self.tls)}", environment: ["DROPGATE_WEBHOOK_LISEN": "1.2.3.4:1"])
        #expect(problems.count == 1, "\(problems)")
        #expect(problems[0].hasSuffix("names no setting; did you mean DROPGATE_WEBHOOK_LISTEN?"))
    }

    @Test func badListsAreToldWithBadSettings() throws {
        let gate = try GateDirectory.complete()
        try gate.write("sources/b.yaml", "entries: [{cidr: 1.2.3, service: a, channels: [webhook]}]\n")
        let problems = try gate.problems("webhook: {listen: a, \(Self.tls)}\nsources: [sources/*.yaml]")
        #expect(problems.count == 2 && problems[0].contains("webhook.listen"), "\(problems)")
        #expect(problems[1].hasPrefix("sources/b.yaml:1:18: entries[0].cidr: "), "\(problems)")
    }

    static let lists = [
        Case("entrys: []", "1:1: entrys: unknown key; did you mean entries?"),
        Case(
            "entries: [{cdir: 1.2.3.4, service: a, channels: [sftp]}]",
            "1:12: entries[0].cdir: unknown key; did you mean cidr?"),
        Case(
            "chanels: [sftp]\nentries: [{cidr: 1.2.3.4, service: a}, {cidr: 1.2.3.5, service: a}]",
            "1:1: chanels: unknown key; did you mean channels?"),
        Case(
            "name: a b\nentries: [{cidr: 1.2.3, service: a, channels: [webhok]}]",
            "1:7: name: \"a b\" is not a name", "2:18: entries[0].cidr: ",
            "2:48: entries[0].channels[0]: \"webhok\" is not allowed"),
        Case(
            "document: {titel: x, red: 2026-01-01}\nentries: [{cidr: 1.2.3.4, service: a, channels: [sftp]}]",
            "1:12: document.titel: unknown key; did you mean title?",
            "1:22: document.red: unknown key; did you mean read?"),
        Case(
            "document: {title: [], read: soon}\nentries: [{cidr: 1.2.3.4, service: a, channels: [sftp]}]",
            "1:19: document.title: expected text, found a list", "1:29: document.read: expected a date"),
        Case(
            "entries: [{cidr: 1.2.3.4, service: a, channels: [sftp], expect: {sftp: {evry: 1d, hours: x, zone: y}}}]",
            "1:73: entries[0].expect.sftp.evry: unknown key; did you mean every?",
            "1:90: entries[0].expect.sftp.hours: \"x\" are not hours",
            "1:99: entries[0].expect.sftp.zone: \"y\" is not a time zone"),
    ]

    @Test(arguments: lists)
    func allProblemsOfAListAreTold(list: Case) throws {
        let gate = try GateDirectory()
        let file = try gate.write("list.yaml", list.yaml + "\n")
        let errors = #expect(throws: SettingsErrors.self) { try PolicyLoader.load(files: [file]) }
        let problems = (errors?.problems ?? []).map {
            "\($0)".replacingOccurrences(of: file, with: "list.yaml")
        }
        #expect(problems.count == list.problems.count, "\(problems)")
        for (problem, expected) in zip(problems, list.problems) {
            #expect(problem.hasPrefix("list.yaml:\(expected)"), "\(problem)")
        }
    }
}
