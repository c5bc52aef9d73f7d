// The checks beside the source address: path secret (see `Routes`), header, HTTP basic, Standard Webhooks
// signatures. Each is independent of the others and of the address check; none of them is ever skipped early.
import Admission
import NIOHTTP1
import Settings
import TLS

/// What a request offered for its signature; the three headers of Standard Webhooks.
struct OfferedSignature: Sendable, Equatable {
    var id: String
    var timestamp: String
    /// Space-separated `version,signature` pairs.
    var signatures: String
}

/// What is wrong with a signature; told to the ledger alone.
enum SignatureFault: String, Sendable {
    /// A header is missing, twice there, too long, or its time is not a number of seconds.
    case malformed
    /// It was made too long ago, or in the future: an old request, or a clock that is wrong.
    case stale
    /// No key of the settings makes it of this body.
    case wrongKey = "wrong_key"
}

struct CredentialChecks: Sendable {
    /// How far the signed time may be from the gate's, either way. The value of the Standard Webhooks libraries.
    static let tolerance: Int64 = 300
    /// More signatures than this in one header are not looked at.
    static let mostSignatures = 16
    /// Bytes of each of the three headers.
    static let longestHeader = 4096

    private let header: (name: String, value: HashedSecret)?
    private let basic: HashedSecret?
    private let keys: [[UInt8]]

    init(_ checks: WebhookChecks) {
        header = checks.header.map { ($0.name, HashedSecret($0.value.bytes)) }
        basic = checks.basic.map {
            HashedSecret(Base64.encode(Array($0.user.utf8) + [0x3A] + $0.password.bytes))
        }
        keys = checks.standardWebhooks.map(\.bytes)
    }

    var wantsBasic: Bool { basic != nil }
    var wantsSignature: Bool { !keys.isEmpty }

    /// The names of the header checks that failed. Every check is made, whatever the others say.
    func failures(in headers: HTTPHeaders) -> [String] {
        var failed: [String] = []
        if let header, !Self.once(header.name, in: headers, matches: header.value) { failed.append("header") }
        if let basic, !Self.basic(in: headers, matches: basic) { failed.append("basic") }
        return failed
    }

    private static func once(_ name: String, in headers: HTTPHeaders, matches secret: HashedSecret) -> Bool {
        let values = headers[name]
        let matches = secret.matches(Array((values.first ?? "").utf8))
        return matches && values.count == 1
    }

    /// RFC 7617: the scheme's case does not payload, the credentials' does.
    private static func basic(in headers: HTTPHeaders, matches secret: HashedSecret) -> Bool {
        let values = headers["authorization"]
        let words = (values.first ?? "").split(separator: " ", omittingEmptySubsequences: true)
        let matches = secret.matches(Array((words.last ?? "").utf8))
        return matches && values.count == 1 && words.count == 2 && words[0].lowercased() == "basic"
    }

    /// The signature headers, each exactly once and bounded; nil otherwise.
    func offeredSignature(in headers: HTTPHeaders) -> OfferedSignature? {
        func one(_ name: String) -> String? {
            let values = headers[name]
            guard values.count == 1, let value = values.first, !value.isEmpty else { return nil }
            return value.utf8.count <= Self.longestHeader ? value : nil
        }
        guard let id = one("webhook-id"), let timestamp = one("webhook-timestamp"),
            let signatures = one("webhook-signature")
        else { return nil }
        return OfferedSignature(id: id, timestamp: timestamp, signatures: signatures)
    }

    /// nil: the body was signed, within five minutes of `now`, with one of the keys.
    func fault(of offer: OfferedSignature, for body: [UInt8], now: Instant) -> SignatureFault? {
        guard let signed = Int64(offer.timestamp),
            offer.timestamp.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
        else { return .malformed }
        let seconds = now.microseconds / 1_000_000
        let (difference, overflow) = seconds.subtractingReportingOverflow(signed)
        guard !overflow, difference >= -Self.tolerance, difference <= Self.tolerance else { return .stale }
        let offered = offer.signatures.split(separator: " ").prefix(Self.mostSignatures)
            .filter { $0.hasPrefix("v1,") }
            .map { HashedSecret(Array($0.dropFirst(3).utf8)) }
        guard !offered.isEmpty else { return .malformed }
        let prefix = Array("\(offer.id).\(offer.timestamp).".utf8)
        var isSigned = false
        for key in keys {
            guard let code = HMAC.code(.sha256, key: key, prefix, body) else { continue }
            let expected = Base64.encode(code)
            for candidate in offered where candidate.matches(expected) { isSigned = true }
        }
        return isSigned ? nil : .wrongKey
    }
}
