// The section `webhook`: the HTTPS listener. A key is declared here, beside the value that it fills.
import Admission

/// What an unlisted source gets in direct mode.
package enum UnlistedAnswer: String, Sendable, CaseIterable {
    case close, refuse
    /// As `refuse`; and an event of VSee's form that shows the right secret is held for somebody to look at.
    case quarantine
}

package struct WebhookSettings: Sendable {
    package var listen: ListenAddress
    /// nil only when `plaintext: true` was said.
    package var tls: TLSSettings?
    package var path: String = "/webhooks/vsee"
    /// Where trusted proxies and listed sources ask whether the gate accepts.
    package var healthPath: String = "/healthz"
    package var checks = WebhookChecks()
    package var address = AddressSettings(mode: .direct, trustedProxies: [])
    package var unlisted = UnlistedAnswer.close
    /// With `unlisted: quarantine`: how many events are held at most, and their bytes in all.
    package var heldEvents: Int = 1000
    package var heldBytes: Int64 = 64 << 20
    /// How long after a body without an event id the same one counts as its repeat. Senders repeat what was not
    /// answered within minutes; a later one is as a rule an event of its own that says the same.
    package var repeatWindow: Duration = .seconds(600)
    /// Bytes; a longer body gets 413.
    package var maxBody: Int = 10 << 20
    /// From accept, or the first read with nothing but the beginning of the next request, to the end of the request's header.
    package var headerTimeout: Duration = .seconds(10)
    /// From the end of the header to the end of the body.
    package var bodyTimeout: Duration = .seconds(60)
    /// A kept-alive connection without a request. Longer than the 60 s of usual balancers (AWS's, nginx): who gives a
    /// connection up must be the one that sends requests, or a request meets its end.
    package var idleTimeout: Duration = .seconds(75)
    package var maxConnections: Int = 1024
    package var maxConnectionsPerSource: Int = 256

    package init(listen: ListenAddress, tls: TLSSettings?) {
        self.listen = listen
        self.tls = tls
    }
}

extension WebhookSettings: SettingsSection {
    static var standard: Self { Self(listen: .nowhere, tls: nil) }

    private typealias Key = Setting<WebhookSettings>
    private static let timeouts: ClosedRange<Duration> = .seconds(1) ... .seconds(3600)

    @SettingsList<WebhookSettings> static var keys: [Setting<WebhookSettings>] {
        Key(.webhookListen)
        Key(.webhookPlaintext)
        Key(.webhookCertificate)
        Key(.webhookPrivateKey)
        Key(.webhookClientAuthorities)
        Key(.webhookOldSenders)
        Key(.webhookPath, \.path, .requestPath)
        Key(.webhookHealthPath, \.healthPath, .requestPath)
        Key(.webhookSecretFile)
        Key(.webhookHeaderName)
        Key(.webhookHeaderValueFile)
        Key(.webhookBasicUser)
        Key(.webhookBasicPasswordFile)
        Key(.webhookStandardWebhooks)
        Key(.webhookAddress)
        Key(.webhookTrustedProxies)
        Key(.webhookUnlisted, \.unlisted, .word)
        Key(
            "webhook.repeat_window", \.repeatWindow, .duration(.zero ... .seconds(366 * 86400)),
            "how long the same body without an event id counts as a repeat, not as a new event",
            line: TemplateLine(gap: 4, follows: "webhook.max_body"))
        Key(
            "webhook.quarantine.events", \.heldEvents, .integer(1...100_000),
            "How many events are held at most.", line: TemplateLine(comment: .none))
        Key(
            "webhook.quarantine.bytes", \.heldBytes, .size(1024...(1 << 40)),
            "How many bytes the held events have in all at most.", line: TemplateLine(comment: .none))
        // A body is held in memory until its commit.
        Key(
            "webhook.max_body", \.maxBody, .size(1024...(256 << 20)),
            "The longest body; a longer one gets 413.", line: TemplateLine(comment: .none, isSpaced: true))
        Key(
            "webhook.header_timeout", \.headerTimeout, .duration(timeouts),
            "From the beginning of a connection, or the first bytes of its next request, to the end of a header.",
            line: TemplateLine(comment: .none))
        Key(
            "webhook.body_timeout", \.bodyTimeout, .duration(timeouts),
            "From the end of a header to the end of its body.", line: TemplateLine(comment: .none))
        Key(
            "webhook.idle_timeout", \.idleTimeout, .duration(timeouts),
            "How long a connection is kept without a request; a balancer in front must give it up sooner.",
            line: TemplateLine(comment: .none))
        Key(.webhookMaxConnections, \.maxConnections, .integer(SettingsBuilder.connections))
        Key(.webhookMaxConnectionsPerSource, \.maxConnectionsPerSource, .integer(SettingsBuilder.connections))
    }
}

/// Keys that `SettingsBuilder` names: it reads them with others, or finds contradictions between them.
extension SettingsKey {
    static let webhookListen = SettingsKey(
        "webhook.listen", "Address and port of the webhook listener.",
        line: TemplateLine(value: .given("0.0.0.0:8443"), comment: .none))
    static let webhookPlaintext = SettingsKey(
        "webhook.plaintext", "`true` in place of tls, for a proxy that ends TLS.",
        line: TemplateLine(value: .absent))
    static let webhookPath = SettingsKey(
        "webhook.path", "Where events are posted to.", line: TemplateLine(comment: .none))
    static let webhookHealthPath = SettingsKey(
        "webhook.health_path",
        """
        For health checks by load balancers (trusted proxies) and listed sources: GET, HEAD or OPTIONS gets 200 while the gate
        accepts and 503 while it cannot, and leaves no entry. After a PROXY header that says LOCAL, any path works.
        """)
    static let webhookAddress = SettingsKey(
        "webhook.address",
        """
        How the gate learns the source of a connection: \(AddressSettings.list(of: AddressMode.allCases)).
        All but direct need the CIDR blocks of the proxies.
        """, line: TemplateLine(value: .example("direct"), isSpaced: true))
    static let webhookTrustedProxies = SettingsKey(
        "webhook.trusted_proxies", "The CIDR blocks of the proxies, in every mode but direct.", isList: true,
        line: TemplateLine(value: .example("[10.0.0.5/32]"), comment: .none))
    static let webhookUnlisted = SettingsKey(
        "webhook.unlisted",
        """
        What an unlisted source gets: close (the connection is closed before TLS), refuse (HTTP 403), or quarantine: also 403,
        but an event in VSee's format with the right secret (one of the checks below) is held until somebody has found
        out whether VSee's address has changed; `dropgate drops release ID` then releases it.
        """, line: TemplateLine(isSpaced: true))
    static let webhookMaxConnections = SettingsKey(
        "webhook.max_connections", "Connections at once.", line: TemplateLine(comment: .none))
    static let webhookMaxConnectionsPerSource = SettingsKey(
        "webhook.max_connections_per_source", "Connections of one source at once.",
        line: TemplateLine(comment: .none))
}
