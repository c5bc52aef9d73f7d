// The webhook listener's path and the checks beside the source address. None of them stands in for it.
import Files
import Foundation

extension SettingsBuilder {
    /// In bytes. A request line is bounded too.
    private static let longestPath = 1024

    func requestPath(_ value: YAMLValue) -> String? {
        guard let text = value.text("a path, as in /webhooks/vsee") else { return nil }
        guard text.utf8.count <= Self.longestPath else {
            value.fail("is \(text.utf8.count) bytes long; at most \(Self.longestPath) are allowed")
            return nil
        }
        let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let isGood =
            text.hasPrefix("/")
            && parts.allSatisfy { part in
                !part.isEmpty && part != "." && part != ".." && part.utf8.allSatisfy(Self.isUnreserved)
            }
        guard isGood, text != "/reachability" else {
            // What does not begin with / may be the secret that was to follow the path.
            let found = text.hasPrefix("/") ? value.quoted() : value.found
            value.fail(
                "\(found) cannot be the path; begin with /, use letters, digits, - . _ ~ between slashes, "
                    + "do not end with /, and do not use /reachability")
            return nil
        }
        return text
    }

    func checks() -> WebhookChecks {
        var checks = WebhookChecks()
        checks.files = secretFiles
        if let value = table[.webhookSecretFile], let secret = secret(value) {
            if namedFiles == .mustExist { checkPathSecret(secret, value) }
            checks.pathSecret = secret
        }
        checks.header = header()
        checks.basic = basic()
        if table.has(section: "webhook.standard_webhooks") {
            let help = "name the files that hold the keys"
            let value = table.require(.webhookStandardWebhooks, help) { $0 }
            guard let value else { return checks }
            if value.isEmptyList {
                value.fail("names no file; leave the section out when events are not signed")
            }
            checks.standardWebhooks = value.list { signingKey($0) } ?? []
        }
        return checks
    }

    /// What is wrong with their paths is told where they are read.
    private var secretFiles: [String] {
        let keys: [SettingsKey] = [.webhookSecretFile, .webhookHeaderValueFile, .webhookBasicPasswordFile]
        let written = keys.map { table[$0]?.written } + (table[.webhookStandardWebhooks]?.writtenItems ?? [])
        return written.compactMap(\.self).map { Paths.resolve($0, beside: table.file) }
    }

    private func checkPathSecret(_ secret: Secret, _ value: YAMLValue) {
        let shortest = WebhookChecks.shortestSecret
        guard secret.bytes.count >= shortest, secret.bytes.allSatisfy(Self.isUnreserved) else {
            value.fail(
                "the secret is part of a URL: it must have \(shortest) or more letters, digits, - . _ ~ and "
                    + "nothing else, as `openssl rand -hex 24` prints")
            return
        }
    }

    private func header() -> (name: String, value: Secret)? {
        guard table.has(section: "webhook.header") else { return nil }
        let name = table.require(.webhookHeaderName, "name the header, as in X-Gate-Token") {
            value -> String? in
            guard let text = value.text("a header name") else { return nil }
            // RFC 9110 section 5.6.2, token.
            let marks = Array("!#$%&'*+-.^_`|~".utf8)
            guard text.utf8.allSatisfy({ Self.isAlphanumeric($0) || marks.contains($0) }) else {
                // The header's value may stand behind it.
                value.fail("is not a header name; use letters, digits and -")
                return nil
            }
            return text
        }
        let help = "name the file that holds the header's value"
        let secret = table.require(.webhookHeaderValueFile, help) { sent($0, isField: true) }
        guard let secret, let name else { return nil }
        return (name, secret)
    }

    private func basic() -> (user: String, password: Secret)? {
        guard table.has(section: "webhook.basic") else { return nil }
        let user = table.require(.webhookBasicUser, "name the user") { value -> String? in
            guard let text = value.text("a user name") else { return nil }
            // RFC 7617 section 2: the colon ends the user's name.
            guard !text.contains(":") else {
                // The password may stand behind it.
                value.fail("has a colon, which ends the user name in HTTP basic authentication")
                return nil
            }
            return text
        }
        let help = "name the file that holds the password"
        let password = table.require(.webhookBasicPasswordFile, help) { sent($0, isField: false) }
        guard let password, let user else { return nil }
        return (user, password)
    }

    /// A secret that a request can bring; else every request would be refused, and nothing would say why.
    /// - Parameter isField: as the value of a header of its own (RFC 9110 section 5.5), and not as a password (RFC 7617).
    private func sent(_ value: YAMLValue, isField: Bool) -> Secret? {
        guard let secret = secret(value) else { return nil }
        let bytes = secret.bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            value.fail(
                "the file begins with a byte order mark, which no request contains; save it as UTF-8 without one"
            )
        } else if bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            value.fail(
                "the file has a line end or another control character within the secret, which no request can have; does it end with an empty line?"
            )
        } else if isField, [bytes.first, bytes.last].contains(0x20) {
            value.fail(
                "the secret begins or ends with a space, which no header can contain there; remove it from the file"
            )
        }
        return secret
    }

    /// A Standard Webhooks secret: "whsec_" and base64 of 24 to 64 bytes.
    private func signingKey(_ value: YAMLValue) -> Secret? {
        guard let secret = secret(value) else { return nil }
        if secret.bytes.isEmpty { return secret }
        let text = String(decoding: secret.bytes, as: UTF8.self)
        let encoded = text.hasPrefix("whsec_") ? String(text.dropFirst("whsec_".count)) : text
        guard let key = Data(base64Encoded: encoded), (24...64).contains(key.count) else {
            value.fail("the file holds no Standard Webhooks secret: whsec_ and base64 of 24 to 64 bytes")
            return nil
        }
        return Secret([UInt8](key))
    }

    /// RFC 3986 section 2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || Array("-._~".utf8).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
