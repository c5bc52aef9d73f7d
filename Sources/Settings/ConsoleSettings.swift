// The section `console`: pages, API and metrics.

package struct ConsoleSettings: Sendable {
    /// Connections at once. More wait until one of them ends: those of the receivers share the process's descriptors with them.
    package static let mostConnections = 512

    package var listen: ListenAddress
    package var token: Secret
    /// nil: it speaks HTTP without TLS.
    package var tls: TLSSettings?
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
        Setting<ConsoleSettings>(.consoleCertificate)
        Setting<ConsoleSettings>(.consolePrivateKey)
        Setting<ConsoleSettings>(.consoleClientAuthorities)
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
    static let consoleCertificate = SettingsKey(
        "console.tls.certificate", "The certificate of the console and its chain, in PEM.",
        line: TemplateLine(value: .example("tls/console.pem")))
    static let consolePrivateKey = SettingsKey(
        "console.tls.key", "The private key of the certificate, in PEM.",
        line: TemplateLine(value: .example("tls/console.key")))
    static let consoleClientAuthorities = SettingsKey(
        "console.tls.client_authorities", "Asks for a client certificate of these authorities (mTLS).",
        line: TemplateLine(value: .example("/etc/dropgate/client-ca.pem")))
}
