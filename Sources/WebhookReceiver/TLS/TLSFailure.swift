// A failed handshake in words that help: the TLS library's names for what went wrong, without its source paths.
import Admission
import Ledger

enum TLSFailure {
    /// What the ledger says of a handshake that failed with this error.
    static func detail(_ error: any Error) -> [String: JSONValue] {
        let text = String(describing: error)
        let names = names(in: text)
        guard !names.isEmpty else {
            return ["error": .string(OutsideText.head(withoutPaths(text), limit: 200))]
        }
        var detail: [String: JSONValue] = ["error": .string(names.joined(separator: ", "))]
        if let hint = names.lazy.compactMap(hint).first { detail["hint"] = .string(hint) }
        return detail
    }

    /// `…:OPENSSL_internal:NAME at /…/file.cc:12` gives NAME; each once, at most four.
    private static func names(in text: String) -> [String] {
        var names: [String] = []
        for part in text.split(separator: "OPENSSL_internal:").dropFirst() {
            let name = String(part.prefix { $0.isLetter || $0.isNumber || $0 == "_" }.prefix(64))
            if !name.isEmpty, !names.contains(name), names.count < 4 { names.append(name) }
        }
        return names
    }

    private static func withoutPaths(_ text: String) -> String {
        text.split(separator: " ").filter { !$0.contains("/") && $0 != "at" }.joined(separator: " ")
    }

    private static func hint(_ name: String) -> String? {
        switch name {
        case "TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
            "SSLV3_ALERT_CERTIFICATE_EXPIRED":
            "the caller does not trust the gate's certificate"
        case "BAD_PACKET_LENGTH":
            // OpenSSL sends its complaint about a TLS 1.3 certificate unencrypted.
            "the caller gave up; as a rule because it does not trust the gate's certificate"
        case "HTTP_REQUEST", "WRONG_VERSION_NUMBER": "the caller did not speak TLS"
        case "NO_SHARED_CIPHER", "UNSUPPORTED_PROTOCOL":
            "the caller offers nothing newer than TLS 1.1, or no common cipher"
        case "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the caller has no client certificate"
        case "CERTIFICATE_VERIFY_FAILED": "the caller's certificate is not of the configured authorities"
        default: nil
        }
    }
}
