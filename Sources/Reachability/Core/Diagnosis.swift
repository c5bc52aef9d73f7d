// What a probe found wrong, as a word for programs and two sentences for people: what it means, and what to do.
// The words are a contract with monitors: they are added to, never changed.

package struct Diagnosis: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable, CaseIterable {
        // Before a byte of the protocol.
        case nameUnresolved = "name_unresolved"
        case resolverTimeout = "resolver_timeout"
        case sourceUnavailable = "source_unavailable"
        case connectTimeout = "connect_timeout"
        case connectRefused = "connect_refused"
        case unreachable
        case connectFailed = "connect_failed"
        case addressFailed = "address_failed"
        case closedAtOnce = "closed_at_once"
        case closedAfterProxyHeader = "closed_after_proxy_header"
        case closedEarly = "closed_early"
        case noAnswer = "no_answer"
        // TLS.
        case tlsOnPlain = "tls_on_plain"
        case plainOnTLS = "plain_on_tls"
        case tlsVersion = "tls_version"
        case tlsFailed = "tls_failed"
        case tlsName = "tls_name"
        case tlsChain = "tls_chain"
        case tlsSelfSigned = "tls_self_signed"
        case tlsUntrusted = "tls_untrusted"
        case tlsExpired = "tls_expired"
        case tlsNotYetValid = "tls_not_yet_valid"
        case tlsExpiring = "tls_expiring"
        // HTTP.
        case secretInClear = "secret_in_clear"
        case notHTTP = "not_http"
        case redirected
        case badRequest = "bad_request"
        case unauthorized
        case forbidden
        case wrongPath = "wrong_path"
        case wrongMethod = "wrong_method"
        case tooLarge = "too_large"
        case rateLimited = "rate_limited"
        case unavailable
        case serverError = "server_error"
        case unexpectedAnswer = "unexpected_answer"
        /// Let in only because the entry is in observe mode.
        case observed
        // SSH and SFTP.
        case notSSH = "not_ssh"
        case sshNoCommonAlgorithm = "ssh_no_common_algorithm"
        case sshFailed = "ssh_failed"
        case hostKeyUnknown = "host_key_unknown"
        case hostKeyChanged = "host_key_changed"
        case keyUnusable = "key_unusable"
        case keyRefused = "key_refused"
        case passwordRefused = "password_refused"
        case methodNotOffered = "method_not_offered"
        case accountDisabled = "account_disabled"
        case sftpRefused = "sftp_refused"
        /// It may send, and not fetch.
        case noCollector = "no_collector"
        case uploadRefused = "upload_refused"
        case uploadIncomplete = "upload_incomplete"
        // Any.
        case slow
    }

    package enum Severity: String, Sendable, Hashable {
        case warning, critical
    }

    package var code: Code
    package var severity: Severity
    /// One sentence: what was seen and what it means.
    package var means: String
    /// One sentence: what to do.
    package var next: String

    package init(_ code: Code, _ severity: Severity = .critical, means: String, next: String) {
        self.code = code
        self.severity = severity
        self.means = means
        self.next = next
    }

    package var description: String { "\(means); \(next)" }
}
