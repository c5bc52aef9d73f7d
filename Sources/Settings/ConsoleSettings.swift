// The section `console`: pages, API and metrics.

package struct ConsoleSettings: Sendable {
    package var listen: ListenAddress
    package var token: Secret
    /// Where the token was read from, absolute; empty in settings made by hand.
    package var tokenFile = ""

    package init(listen: ListenAddress, token: Secret) {
        self.listen = listen
        self.token = token
    }
}

extension ConsoleSettings: SettingsSection {
    static var standard: Self { Self(listen: .nowhere, token: Secret([])) }

    @SettingsList<ConsoleSettings> static var keys: [Setting<ConsoleSettings>] {
        Setting<ConsoleSettings>(.consoleListen)
        Setting<ConsoleSettings>(.consoleTokenFile)
    }
}

/// Keys that `SettingsBuilder` names: it reads them with others.
extension SettingsKey {
    static let consoleListen = SettingsKey(
        "console.listen", "Address and port of the console.",
        line: TemplateLine(value: .given("127.0.0.1:8080"), comment: .none))
    static let consoleTokenFile = SettingsKey(
        "console.token_file", "Holds the token that its callers show.",
        line: TemplateLine(value: .given("/var/lib/dropgate/console.token"), comment: .none))
}
