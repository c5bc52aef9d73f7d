// The certificate of the webhook listener, and who may speak to it how.
package import Admission

package struct TLSSettings: Sendable {
    /// PEM files, absolute. Reloaded when they change.
    package var certificate: String
    package var key: String
    /// PEM file of the authorities that client certificates must chain to (mTLS), or nil: not asked for.
    package var clientAuthorities: String?
    /// Senders that know no cipher of TLS 1.2 with forward secrecy and authenticated encryption. They alone get others.
    package var oldSenders: [CIDRBlock] = []

    package init(certificate: String, key: String, clientAuthorities: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
    }
}

extension SettingsKey {
    static let webhookCertificate = SettingsKey(
        "webhook.tls.certificate", "The certificate and its chain, in PEM.",
        line: TemplateLine(value: .given("/var/lib/dropgate/tls/certificate.pem"), comment: .none))
    static let webhookPrivateKey = SettingsKey(
        "webhook.tls.key", "The private key of the certificate, in PEM.",
        line: TemplateLine(value: .given("/var/lib/dropgate/tls/key.pem"), comment: .none))
    static let webhookClientAuthorities = SettingsKey(
        "webhook.tls.client_authorities", "Asks for a client certificate of these authorities (mTLS).",
        line: TemplateLine(value: .example("/etc/dropgate/client-ca.pem")))
    static let webhookOldSenders = SettingsKey(
        "webhook.tls.old_senders",
        """
        TLS 1.2 works with ECDHE and authenticated encryption only. These senders, and nobody else, may also use CBC and RSA
        key exchange, whose traffic can be read by anyone who gets the key: list a sender only until it is upgraded.
        """, isList: true, line: TemplateLine(value: .example("[192.0.2.7/32]")))
}
