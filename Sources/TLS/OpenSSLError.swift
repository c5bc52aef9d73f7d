// What OpenSSL says went wrong: its reason, without its source paths, and for people as a sentence.
import COpenSSL

package struct OpenSSLError: Error, Hashable, Sendable, CustomStringConvertible {
    /// As ERR_reason_error_string(3) has it: "key values mismatch". Or our own words.
    package let words: String
    private let isOurs: Bool

    /// A sentence, and what to do about it.
    package var description: String { isOurs ? words : OpenSSLTrouble.sentence(words) }

    package init(words: String) {
        self.words = words
        isOurs = true
    }

    /// - Parameter reason: OpenSSL's.
    init(reason: String) {
        words = reason
        isOurs = false
    }

    /// The last error of this thread's queue, which is empty afterwards.
    static func queued() -> OpenSSLError {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        return OpenSSLError(reason: words(code))
    }

    /// The first error of this thread's queue, with what it is about: "bad value (section=policy, cmd=MinProtocol)".
    static func queuedWithDetail() -> OpenSSLError {
        var data: UnsafePointer<CChar>?
        let code = ERR_peek_error_data(&data, nil)
        let detail = data.map { String(cString: $0) } ?? ""
        let words = detail.isEmpty ? words(code) : "\(words(code)) (\(detail))"
        ERR_clear_error()
        return OpenSSLError(words: words)
    }

    static func words(_ code: UInt) -> String {
        if code == 0 { return "OpenSSL gives no reason" }
        return ERR_reason_error_string(code).map { String(cString: $0) }
            ?? "OpenSSL's error \(String(code, radix: 16))"
    }
}
