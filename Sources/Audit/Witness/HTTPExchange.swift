// One HTTP request and its answer, by libcurl: outgoing HTTP is not what this program is for.
import CCurl
import Dispatch
import Glibc

struct HTTPExchange: Sendable {
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    var url: String
    /// Of an answer; a longer one is an error.
    var longestBody = 1 << 20
    var timeout = Duration.seconds(10)

    private static let isReady = CCurl_begin() == 0

    /// Status and body of the answer, whatever the status. Throws `Failed` when there is none.
    func get() async throws -> (status: Int, body: [UInt8]) { try await perform(nil, type: "") }

    func post(_ bytes: [UInt8], type: String) async throws -> (status: Int, body: [UInt8]) {
        try await perform(bytes, type: type)
    }

    /// libcurl blocks, so not on a cooperative thread.
    private func perform(_ sent: [UInt8]?, type: String) async throws -> (status: Int, body: [UInt8]) {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try exchange(sent, type) }) }
        }
    }

    private func exchange(_ sent: [UInt8]?, _ type: String) throws -> (status: Int, body: [UInt8]) {
        guard Self.isReady else { throw Failed(description: "libcurl does not start") }
        let (seconds, attoseconds) = timeout.components
        let milliseconds = Int(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        var body = CCurl_body(bytes: nil, count: 0, limit: longestBody)
        defer { free(body.bytes) }
        var status = 0
        var words = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
        let code: Int32
        if let sent {
            code = sent.withUnsafeBytes { bytes in
                // An empty body has no address of its own, and is one all the same.
                let start = bytes.bindMemory(to: CChar.self).baseAddress
                return withUnsafePointer(to: CChar(0)) {
                    CCurl_exchange(url, start ?? $0, bytes.count, type, milliseconds, &body, &status, &words)
                }
            }
        } else {
            code = CCurl_exchange(url, nil, 0, type, milliseconds, &body, &status, &words)
        }
        guard code == 0 else {
            let text = String(decoding: words.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            throw Failed(description: "\(url): \(text)")
        }
        return (status, Array(UnsafeRawBufferPointer(start: body.bytes, count: body.count)))
    }
}
