// The files of Config/: they load, and they are what the binary carries. Config/dropgate.yaml is made from the declarations
// of the keys: `WRITE_CONFIG=1 Tests/run.sh --filter ShippedTests` writes it anew.
import Admission
import Files
import Foundation
import Settings
import Testing

@Suite struct ShippedTests {
    private static func config(_ name: String) throws -> String {
        try String(contentsOf: Checkout.file("Config/\(name)"), encoding: .utf8)
    }

    private func load(_ text: String) throws -> GateSettings {
        let gate = try GateDirectory()
        let file = try gate.write("dropgate.yaml", text)
        try gate.write("sources/vsee-qatar.yaml", Shipped.sourceList)
        return try SettingsLoader.load(file: file, environment: [:], namedFiles: .mayBeMissing)
    }

    @Test func theBinaryCarriesTheFilesOfConfig() throws {
        if ProcessInfo.processInfo.environment["WRITE_CONFIG"] != nil {
            try Data(Shipped.settings.utf8).write(to: Checkout.file("Config/dropgate.yaml"))
        }
        #expect(try Self.config("dropgate.yaml") == Shipped.settings)
        #expect(try Self.config("sources/vsee-qatar.yaml") == Shipped.sourceList)
        #expect(try Self.config("rules/vsee-qatar.yaml") == Shipped.rules)
    }

    @Test func theShippedListHasVSeesTwoServicesOnBothChannels() throws {
        let gate = try GateDirectory()
        let file = try gate.write("vsee-qatar.yaml", Shipped.sourceList)
        let entries = try PolicyLoader.load(files: [file]).entries
        #expect(entries.map(\.id) == ["vsee-qatar/messenger", "vsee-qatar/clinic"])
        for entry in entries {
            #expect(entry.cidr.description == "20.21.208.105/32")
            #expect(entry.channels == [.webhook, .sftp] && entry.mode == .enforce && entry.expires == nil)
            #expect(entry.document?.page == "Outbound Connections" && entry.document?.read == "2026-11-23")
            #expect(
                entry.owner != nil && entry.reviewBy != nil && entry.note?.contains("without notice") == true)
        }
    }

    @Test func theExampleLoads() throws {
        let settings = try load(Shipped.settings)
        #expect(settings.webhook?.listen.port == 8443 && settings.sftp?.listen.port == 2222)
        #expect(settings.console?.listen.description == "127.0.0.1:8080")
        #expect(settings.state == "/var/lib/dropgate")
    }

    /// A commented value that is not the default would teach something false.
    @Test func commentedValuesAreTheDefaults() throws {
        let optional = [
            "node:", "client_authorities:", "old_senders:", "secret_file:", "header:", "basic:",
            "standard_webhooks:", "tls:",
            "witnesses:", "read_group:", "group:",
            "forward:",
        ]
        let text = Shipped.settings.split(separator: "\n", omittingEmptySubsequences: false).map {
            line -> String in
            let content = line.drop { $0 == " " }
            let name = content.dropFirst()
            guard content.hasPrefix("#"),
                name.first.map({ !$0.isWhitespace }) == true || name.hasPrefix("  - "),
                !optional.contains(where: { name.hasPrefix($0) }), !name.hasPrefix("trusted_proxies:")
            else { return String(line) }
            return String(line.prefix { $0 == " " } + name)
        }.joined(separator: "\n")
        let gate = try GateDirectory()
        try gate.write("sources/vsee-qatar.yaml", Shipped.sourceList)
        func dump(_ text: String) throws -> String {
            let file = try gate.write("dropgate.yaml", text)
            var settings = try SettingsLoader.load(file: file, environment: [:], namedFiles: .mayBeMissing)
            // Values that do nothing beside the other defaults are told.
            settings.doubts = []
            return "\(settings)"
        }
        #expect(text != Shipped.settings)
        #expect(try dump(text) == dump(Shipped.settings))
    }
}
