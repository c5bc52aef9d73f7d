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
    @Test(arguments: SettingsKey.all)
    func aKeyHasATextAndIsInTheTemplate(key: SettingsKey) {
        #expect(!key.text.isEmpty)
        let name = key.name.split(separator: ".").last ?? ""
        #expect(Shipped.settings.contains("\(name):"))
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

    /// Whatever the template has behind comment signs is to work when somebody removes them.
    @Test func allKeysOfTheTemplateAreDeclared() throws {
        let gate = try GateDirectory.complete()
        let hidden = /( *)# ?( *[a-z_]+:.*|  - .*)/
        let text = Shipped.settings.split(separator: "\n").map { line in
            line.wholeMatch(of: hidden).map { String($0.1 + $0.2) } ?? String(line)
        }.joined(separator: "\n")
        for key in ["\nforward:\n", "\n  syslog: {address:", "\n  path: /webhooks"] {
            #expect(text.contains(key))
        }
        let problems = try gate.problems(text)
        for wrong in ["unknown key", "not YAML", "given twice"] {
            #expect(!problems.contains { $0.contains(wrong) }, "\(problems)")
        }
    }

    @Test(arguments: ["README.md", "Deploy/container/README.md"])
    func keysThatDocumentsNameAreDeclared(document: String) throws {
        let text = try String(contentsOf: Checkout.file(document), encoding: .utf8)
        let names = text.matches(of: /`((?:webhook|sftp|console|staging|ledger|forward)\.[a-z_.]+)`/)
        for name in names.map({ String($0.1) }) {
            #expect(SettingsKey.all.contains { $0.name == name || $0.name.hasPrefix(name + ".") }, "\(name)")
        }
    }
}
