// What a webhook must show beside coming from a listed source.

/// Checks beside the source address. Each is optional and none replaces the address check.
package struct WebhookChecks: Sendable {
    /// The secret last part of the path: `POST <path>/<secret>`.
    package var pathSecret: Secret?
    /// A header that must be present once with this value.
    package var header: (name: String, value: Secret)?
    /// HTTP basic authentication.
    package var basic: (user: String, password: Secret)?
    /// Standard Webhooks signing keys (decoded); any one of them may have signed. Empty: not asked for.
    package var standardWebhooks: [Secret]
    /// Where these secrets were read from, absolute; empty in settings made by hand.
    package var files: [String] = []

    package var isAny: Bool {
        pathSecret != nil || header != nil || basic != nil || !standardWebhooks.isEmpty
    }

    /// In bytes. Shorter secrets can be guessed over the network.
    package static let shortestSecret = 16

    /// The keys of those secrets that are shorter than that and are taken all the same: others have given them.
    package var guessable: [SettingsKey] {
        let sent: [(key: SettingsKey, secret: Secret?)] = [
            (.webhookHeaderValueFile, header?.value), (.webhookBasicPasswordFile, basic?.password),
        ]
        return sent.filter { sent in
            // An empty one is of a file that was not looked into.
            guard let secret = sent.secret else { return false }
            return (1..<Self.shortestSecret).contains(secret.bytes.count)
        }.map(\.key)
    }

    package init(
        pathSecret: Secret? = nil, header: (name: String, value: Secret)? = nil,
        basic: (user: String, password: Secret)? = nil, standardWebhooks: [Secret] = []
    ) {
        self.pathSecret = pathSecret
        self.header = header
        self.basic = basic
        self.standardWebhooks = standardWebhooks
    }
}

extension SettingsKey {
    static let webhookSecretFile = SettingsKey(
        "webhook.secret_file", "POST <path>/<secret>",
        line: TemplateLine(
            value: .example("webhook-path-secret"),
            comment: .heading(
                """
                Checks in addition to the source address; all are off unless set. Secrets are files that only their owner can read.
                """),
            gap: 13, isSpaced: true, follows: "webhook.quarantine.bytes"))
    static let webhookHeaderName = SettingsKey(
        "webhook.header.name", "A header that must be there once.",
        line: TemplateLine(value: .example("X-Gate-Token"), comment: .none, follows: "webhook.secret_file"))
    static let webhookHeaderValueFile = SettingsKey(
        "webhook.header.value_file", "Holds the value that the header must have.",
        line: TemplateLine(value: .example("webhook-header"), comment: .none, follows: "webhook.header.name"))
    static let webhookBasicUser = SettingsKey(
        "webhook.basic.user", "The user of HTTP basic authentication.",
        line: TemplateLine(value: .example("vsee"), comment: .none, follows: "webhook.header.value_file"))
    static let webhookBasicPasswordFile = SettingsKey(
        "webhook.basic.password_file", "Holds that user's password.",
        line: TemplateLine(
            value: .example("webhook-password"), comment: .none, follows: "webhook.basic.user"))
    static let webhookStandardWebhooks = SettingsKey(
        "webhook.standard_webhooks.secret_files",
        "Hold the keys of Standard Webhooks, one of which must have signed.", isList: true,
        line: TemplateLine(
            value: .example("[webhook-signing]"), comment: .none, follows: "webhook.basic.password_file"))
}
