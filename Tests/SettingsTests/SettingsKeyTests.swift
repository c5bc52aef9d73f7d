// Every key is declared once: what names keys, the template and the documents, names those that are declared, and all of them.
import Foundation
import Settings
import Testing

enum Checkout {
    /// A file of the checkout that these tests are of.
    static func file(_ path: String) -> URL {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<3 { root.deleteLastPathComponent() }
        return root.appendingPathComponent(path)
    }
}

@Suite struct SettingsKeyTests {
    /// The template with everything that it has behind comment signs.
    private static let whole = Shipped.settings.split(separator: "\n").map { line in
        line.wholeMatch(of: /( *)# ?( *[a-z_]+:.*|  - .*)/).map { String($0.1 + $0.2) } ?? String(line)
    }.joined(separator: "\n")

    @Test(arguments: SettingsKey.all.map(\.name))
    func aKeyHasATextAndIsInItsSectionOfTheTemplate(key: String) throws {
        #expect(SettingsKey.all.contains { $0.name == key && !$0.text.isEmpty })
        let names = key.split(separator: ".")
        var rest = Substring("\n" + Self.whole)
        for (depth, name) in names.enumerated() {
            let start = try #require(rest.firstRange(of: depth == 0 ? "\n\(name):" : "\(name):"), "\(key)")
            rest = rest[start.upperBound...]
            if depth == 0, let next = rest.firstMatch(of: /\n[a-z]/) { rest = rest[..<next.range.lowerBound] }
        }
    }

    /// One that is declared and that nobody reads would be taken, shown, and without effect.
    @Test(arguments: SettingsKey.all.map(\.name))
    func aValueOfTheWrongKindIsAProblemOfItsKey(key: String) throws {
        let names = key.split(separator: ".")
        // What says where entries go, without which nothing else of the section is looked at.
        let target =
            ["forward.syslog.": "address: \"tls://h:1\", ", "forward.file.": "path: /f, "]
            .first { key.hasPrefix($0.key) && !$0.value.hasPrefix("\(names[2]):") }?.value ?? ""
        let text =
            names.dropLast().map { "{\($0): " }.joined() + "{\(target)\(names.last ?? ""): [[no]]}"
            + String(repeating: "}", count: names.count - 1)
        let problems = try GateDirectory.complete().problems(text)
        #expect(problems.contains { $0.contains(key) }, "\(problems)")
    }

    @Test func keysAndTheirVariablesAreDistinct() {
        #expect(Set(SettingsKey.all.map(\.name)).count == SettingsKey.all.count)
        #expect(Set(SettingsKey.all.map(\.environmentName)).count == SettingsKey.all.count)
    }

    @Test func aVariableIsNamedAfterItsKey() {
        let key = SettingsKey.all.first { $0.name == "webhook.max_body" }
        #expect(key?.environmentName == "DROPGATE_WEBHOOK_MAX_BODY")
        #expect(key?.standard == "10MiB")
    }

    /// AWS's balancers and nginx keep an unused connection for 60 s: they must be the ones that give it up.
    @Test func anUnusedConnectionIsKeptLongerThanBalancersKeepIt() {
        #expect(SettingsKey.all.first { $0.name == "webhook.idle_timeout" }?.standard == "75s")
    }

    /// Whatever the template has behind comment signs is to work when somebody removes them.
    @Test func allKeysOfTheTemplateAreDeclared() throws {
        let gate = try GateDirectory.complete()
        let text = Self.whole
        for key in ["\nforward:\n", "\n  syslog: {address:", "\n  path: /webhooks"] {
            #expect(text.contains(key))
        }
        let problems = try gate.problems(text)
        for wrong in ["unknown key", "not YAML", "given twice"] {
            #expect(!problems.contains { $0.contains(wrong) }, "\(problems)")
        }
    }

    @Test func keysThatDocumentsNameAreDeclared() throws {
        let guides = try FileManager.default.contentsOfDirectory(atPath: Checkout.file(".github/guides").path)
        for document in ["README.md", "Deploy/container/README.md"] + guides.map({ ".github/guides/\($0)" }) {
            try check(document)
        }
    }

    private func check(_ document: String) throws {
        let text = try String(contentsOf: Checkout.file(document), encoding: .utf8)
        let names = text.matches(of: /`((?:webhook|sftp|console|staging|ledger|forward)\.[a-z_.]+)`/)
        // Files and problems of the health are written alike.
        let others: Set = [
            "ledger.sqlite", "ledger.key.pub", "ledger.key.next", "sftp.session", "sftp.accounts",
            "sftp.sshd",
        ]
        for name in names.map({ String($0.1) }) where !others.contains(name) {
            #expect(SettingsKey.all.contains { $0.name == name || $0.name.hasPrefix(name + ".") }, "\(name)")
        }
    }
}
