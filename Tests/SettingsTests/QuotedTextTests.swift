// What messages quote of files: nothing of one that has not the form that was expected, for it may be a secret.
import Files
import Foundation
import Settings
import Testing

@Suite struct QuotedTextTests {
    private static let token = "5309458903f8168b057a647b94a158e40619b30c51fd572219f1ddd76ba81234"
    private static let secrets = [
        token, "PRIVATE+KEY+gate-1/dropgate+d9b4f5ad+AcxWvZGkiDF+mEvVN", "\"\(token)\"", "user:\(token)",
        "- \(token)",
        "\(token):", "\(token): {a: b}", "{\(token)}", "? \(token)\n? \(token)", "a b \(token): x",
        "\(token): [",
        "-----BEGIN PRIVATE KEY-----\n\(token)\n-----END PRIVATE KEY-----",
    ]

    @Test(arguments: secrets)
    func aFileThatIsNoneOfSettingsIsNotQuoted(text: String) throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(text + "\n")
        #expect(!problems.isEmpty)
        let said = problems.joined(separator: "\n")
        #expect(
            !said.contains(Self.token) && !said.contains("PRIVATE+KEY") && !said.contains("BEGIN"), "\(said)")
    }

    @Test(arguments: secrets)
    func aFileThatIsNoSourceListIsNotQuoted(text: String) throws {
        let gate = try GateDirectory()
        let file = try gate.write("zz.yaml", text + "\n")
        let error = #expect(throws: SettingsErrors.self) { try PolicyLoader.load(files: [file]) }
        let said = error.map { "\($0)" } ?? ""
        #expect(said.hasPrefix(gate.path + "/zz.yaml:"), "\(said)")
        #expect(
            !said.contains(Self.token) && !said.contains("PRIVATE+KEY") && !said.contains("BEGIN"), "\(said)")
    }

    @Test func theKindOfTextAndItsLengthAreTold() throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(Self.token + "\n")
        #expect(
            problems.count == 1 && problems[0].hasPrefix("dropgate.yaml:1:1: expected a mapping with state,"))
        #expect(problems[0].hasSuffix(", found a text of 64 characters"), "\(problems)")
    }

    @Test func aKeyThatIsNoNameIsToldByItsPlaceAndLength() throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(
            "\(SettingsLoaderTests.minimal)\n  max body: 1MiB\n\(Self.token): x\n")
        #expect(problems.count == 2, "\(problems)")
        #expect(
            problems[0].hasPrefix(
                "dropgate.yaml:5:3: webhook: unknown key of 8 characters; did you mean max_body?"))
        #expect(
            problems[1].hasPrefix("dropgate.yaml:6:1: unknown key of 64 characters; allowed here: state,"))
    }

    @Test func listsOfTheEnvironmentThatNameASecretDoNotShowIt() throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems(
            "webhook: {listen: x, tls: {certificate: certificate.pem, key: key.pem}}",
            environment: ["DROPGATE_SOURCES": "[token]"])
        #expect(problems.contains { $0.hasPrefix("token:1:1: expected a mapping with name,") }, "\(problems)")
        #expect(!problems.contains { $0.contains("0123456789abcdef") }, "\(problems)")
    }

    @Test func aLongValueOfAKnownKeyIsToldByItsLength() throws {
        let gate = try GateDirectory.complete()
        let problems = try gate.problems("\(SettingsLoaderTests.minimal)\n  plaintext: \(Self.token)a\n")
        #expect(
            problems == [
                "dropgate.yaml:5:14: webhook.plaintext: expected true or false, found a text of 65 characters"
            ])
    }
}
