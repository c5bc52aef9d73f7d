// Options that several commands share: where the settings are, and in which form to answer.
import ArgumentParser
import Files
import Foundation
import Management
import Settings

struct GateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The settings file. Default: $DROPGATE_CONFIG, else ./Config/dropgate.yaml, else /etc/dropgate/dropgate.yaml.",
            valueName: "file"),
        completion: .file(extensions: ["yaml"]), transform: ArgumentText.notEmpty)
    var config: String?

    static let places = ["Config/dropgate.yaml", "/etc/dropgate/dropgate.yaml"]

    /// The settings file, or nil when none is named and none is at the usual places.
    func locate() -> String? {
        config ?? Self.usual()
    }

    /// The settings file of commands that need none.
    static func usual() -> String? {
        if let named = ProcessInfo.processInfo.environment["DROPGATE_CONFIG"], !named.isEmpty { return named }
        // /etc/dropgate is chosen also when it may not be looked at: reading it says so. A working directory that another user
        // (`sudo -u`) may not enter is nobody's choice.
        return places.first { (try? Presence.check($0)) ?? $0.hasPrefix("/") }
    }

    /// The absolute path of the settings file. Throws when there is none.
    func file() throws -> String {
        guard let file = locate() else {
            throw ManagementError(
                .configuration,
                "no settings file: neither --config nor $DROPGATE_CONFIG is given, and \(Self.places.joined(separator: " and ")) "
                    + "do not exist",
                fix: "`dropgate init DIR` makes a gate in DIR; then use --config DIR/dropgate.yaml")
        }
        return Paths.absolute(file)
    }

    func settings(_ namedFiles: SettingsLoader.NamedFiles = .ignored) throws -> GateSettings {
        try SettingsLoader.load(file: file(), namedFiles: namedFiles)
    }
}

/// text for people, json for programs.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

struct FormatOptions: ParsableArguments {
    @Option(help: "text for people, json for programs.")
    var format: OutputFormat = .text

    var isJSON: Bool { format == .json }
}
