// The words of a decision, in one place: the same in code, ledger, YAML, command line and documentation.
// This file names things; it decides nothing.

/// The way in that a source used or wants to use.
package enum Channel: String, Sendable, Hashable, CaseIterable, Codable {
    case webhook, sftp, console
}

/// What was decided on an attempt.
package enum Verdict: String, Sendable, Hashable, CaseIterable, Codable {
    case accepted, rejected
    /// Let in although it would have been rejected: only entries in observe mode matched.
    case observed
}

/// Why it was decided so. The only list of reasons; the ledger stores the raw value.
package enum Reason: String, Sendable, Hashable, CaseIterable, Codable {
    // Source and address.
    case listed
    case notListed = "not_listed"
    case entryExpired = "entry_expired"
    case wrongChannel = "wrong_channel"
    case addressUndeterminable = "address_undeterminable"
    case badProxyHeader = "bad_proxy_header"
    // Connection.
    case connectionLimit = "connection_limit"
    case rateLimited = "rate_limited"
    case tlsFailed = "tls_failed"
    case handshakeFailed = "handshake_failed"
    case timeout
    // Credentials.
    case authFailed = "auth_failed"
    case unknownAccount = "unknown_account"
    case accountDisabled = "account_disabled"
    case badSecret = "bad_secret"
    case badSignature = "bad_signature"
    // Request and transfer.
    case badPath = "bad_path"
    case badMethod = "bad_method"
    case tooLarge = "too_large"
    case malformed
    case incomplete
    case forbiddenOperation = "forbidden_operation"
    case duplicate
    // The gate itself.
    case stagingFull = "staging_full"
    case ledgerFailed = "ledger_failed"
    /// sshd could not serve the connection, for a reason that lies on the gate's machine.
    case sshdFailed = "sshd_failed"
    case started, stopped, changed, read, exported
    /// An export ended before its end; the entry names that of the export.
    case exportedInPart = "exported_in_part"
    /// Fetched from another gate by `dropgate pull`.
    case pulled
    /// What its sender did with a file that was accepted and that nobody had taken yet.
    case renamed, withdrawn
    /// An entry's expected contact is overdue, and has come again.
    case silent, heard

    /// Why an attempt can be refused.
    package static let ofRefusals = allCases.filter(\.refuses)

    private var refuses: Bool {
        switch self {
        case .listed, .duplicate, .started, .stopped, .changed, .read, .exported, .exportedInPart, .pulled,
            .renamed,
            .withdrawn, .silent, .heard:
            false
        case .notListed, .entryExpired, .wrongChannel, .addressUndeterminable, .badProxyHeader,
            .connectionLimit,
            .rateLimited, .tlsFailed, .handshakeFailed, .timeout, .authFailed, .unknownAccount,
            .accountDisabled,
            .badSecret, .badSignature, .badPath, .badMethod, .tooLarge, .malformed, .incomplete,
            .forbiddenOperation,
            .stagingFull, .ledgerFailed, .sshdFailed:
            true
        }
    }
}

/// What `dropgate probe` marks its deliveries by, so that a gate records them and never releases them.
package enum ProbeMark {
    /// The `account_code` or `clinic_code` of a probe's event. It stands in the body, because headers may be lost on
    /// the way.
    package static let code = "dropgate-probe"
    /// What the name of a probe's file begins with.
    package static let filePrefix = ".dropgate-probe-"
}

/// An address and a port, as a socket or a PROXY header names them. A header gives no port.
package struct Endpoint: Sendable, Hashable {
    package var ip: IPAddress
    package var port: UInt16?

    package init(ip: IPAddress, port: UInt16? = nil) {
        self.ip = ip
        self.port = port
    }
}
