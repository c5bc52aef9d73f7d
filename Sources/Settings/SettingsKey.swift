// Every key of dropgate.yaml, once. Unknown keys, environment names and the example's test derive from it.

/// A key by its path in the file. Sections are the prefixes of the paths.
package enum SettingsKey: String, Sendable, Hashable, CaseIterable {
    case state, node, sources, accounts, rules

    case webhookListen = "webhook.listen"
    case webhookPlaintext = "webhook.plaintext"
    case webhookCertificate = "webhook.tls.certificate"
    case webhookPrivateKey = "webhook.tls.key"
    case webhookClientAuthorities = "webhook.tls.client_authorities"
    case webhookOldSenders = "webhook.tls.old_senders"
    case webhookPath = "webhook.path"
    case webhookHealthPath = "webhook.health_path"
    case webhookSecretFile = "webhook.secret_file"
    case webhookHeaderName = "webhook.header.name"
    case webhookHeaderValueFile = "webhook.header.value_file"
    case webhookBasicUser = "webhook.basic.user"
    case webhookBasicPasswordFile = "webhook.basic.password_file"
    case webhookStandardWebhooks = "webhook.standard_webhooks.secret_files"
    case webhookAddress = "webhook.address"
    case webhookTrustedProxies = "webhook.trusted_proxies"
    case webhookUnlisted = "webhook.unlisted"
    case webhookRepeatWindow = "webhook.repeat_window"
    case webhookQuarantineEvents = "webhook.quarantine.events"
    case webhookQuarantineBytes = "webhook.quarantine.bytes"
    case webhookMaxBody = "webhook.max_body"
    case webhookHeaderTimeout = "webhook.header_timeout"
    case webhookBodyTimeout = "webhook.body_timeout"
    case webhookIdleTimeout = "webhook.idle_timeout"
    case webhookMaxConnections = "webhook.max_connections"
    case webhookMaxConnectionsPerSource = "webhook.max_connections_per_source"

    case sftpListen = "sftp.listen"
    case sftpHostKeys = "sftp.host_keys"
    case sftpAddress = "sftp.address"
    case sftpTrustedProxies = "sftp.trusted_proxies"
    case sftpMaxFile = "sftp.max_file"
    case sftpResumeFor = "sftp.resume_for"
    case sftpLoginGrace = "sftp.login_grace"
    case sftpIdleTimeout = "sftp.idle_timeout"
    case sftpMaxConnections = "sftp.max_connections"
    case sftpMaxConnectionsPerSource = "sftp.max_connections_per_source"
    case sftpMaxSessions = "sftp.max_sessions"
    case sftpMaxAuthTries = "sftp.max_auth_tries"
    case sftpEncryptAndMAC = "sftp.encrypt_and_mac"
    case sftpProvisional = "sftp.provisional"
    case sftpSettle = "sftp.settle"
    case sftpAfterRelease = "sftp.after_release"
    case sftpMaxPendingBytes = "sftp.max_pending_bytes"
    case sftpMaxPendingNames = "sftp.max_pending_names"

    case consoleListen = "console.listen"
    case consoleTokenFile = "console.token_file"

    case stagingPath = "staging.path"
    case stagingReserve = "staging.reserve"
    case stagingReserveInodes = "staging.reserve_inodes"
    case stagingLayout = "staging.layout"
    case stagingKeepAcknowledged = "staging.keep_acknowledged"
    case stagingKeepQuarantined = "staging.keep_quarantined"
    case stagingKeepReceipts = "staging.keep_receipts"

    case ledgerPath = "ledger.path"
    case ledgerKey = "ledger.key"
    case ledgerCheckpointEvery = "ledger.checkpoint_every"
    case ledgerWitnesses = "ledger.witnesses"
    case ledgerSealAfter = "ledger.seal_after"
    case ledgerRetain = "ledger.retain"

    case forwardSyslogAddress = "forward.syslog.address"
    case forwardSyslogAuthorities = "forward.syslog.authorities"
    case forwardSyslogCertificate = "forward.syslog.certificate"
    case forwardSyslogKey = "forward.syslog.key"
    case forwardFilePath = "forward.file.path"
    case forwardFileFormat = "forward.file.format"

    /// The variable that sets this key: DROPGATE_WEBHOOK_MAX_BODY.
    package var environmentName: String {
        "DROPGATE_" + rawValue.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
    }

    /// The value is a list: in the environment it is YAML flow text, `[a, b]`.
    var isList: Bool {
        switch self {
        case .sources, .rules, .webhookStandardWebhooks, .webhookTrustedProxies, .sftpHostKeys,
            .sftpTrustedProxies,
            .sftpProvisional, .ledgerWitnesses:
            true
        default: false
        }
    }

    /// The names allowed right below a section ("" is the top of the file).
    static func names(below section: String) -> [String] {
        let prefix = section.isEmpty ? "" : section + "."
        var names: [String] = []
        for key in allCases where key.rawValue.hasPrefix(prefix) {
            let name = String(key.rawValue.dropFirst(prefix.count).prefix { $0 != "." })
            if !names.contains(name) { names.append(name) }
        }
        return names
    }
}
