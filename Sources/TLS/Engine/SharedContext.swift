// An SSL_CTX that many threads share. All that is done with one after it is set up stands in this file.
import COpenSSL

final class SharedContext: Sendable {
    /// The compiler cannot know what C does behind a pointer, so this is said to it, for these reasons:
    /// - Nothing changes the context once it is shared, which is what OpenSSL asks (SSL_CTX_new(3), NOTES). Set-up has
    ///   the pointer within `init` alone, before anybody else can have this object, and must not keep it. After that only
    ///   `session` and `deinit`, the next lines, use it; it is private.
    /// - SSL_new(3) may be called by many threads: it reads the context and takes a reference, atomically, as SSL_CTX_free(3)
    ///   gives one back. What handshakes change in a context (sessions, counters, the store's cache) OpenSSL locks itself
    ///   (openssl-threads(7)).
    /// - It cannot be used after it is freed: each SSL holds a reference, and who calls `session` keeps this object.
    /// A Mutex would lock SSL_new for nothing, and none of what follows it: the SSL goes on using the context.
    private nonisolated(unsafe) let pointer: OpaquePointer
    deinit { SSL_CTX_free(pointer) }
    func session() -> OpaquePointer? { SSL_new(pointer) }

    /// For ALPN (RFC 7301), as on the wire: each name with its length in front.
    private let protocols: [UInt8]

    /// - Parameters:
    ///   - protocols: of a server, the most wanted first.
    ///   - setUp: what the context is to be. It must not keep the pointer.
    init(
        _ method: OpaquePointer?, choosing protocols: [String] = [],
        setUp: (OpaquePointer) throws(OpenSSLError) -> Void
    ) throws(OpenSSLError) {
        ERR_clear_error()
        guard let made = SSL_CTX_new(method) else { throw OpenSSLError.queued() }
        pointer = made
        self.protocols = Self.wire(protocols)
        // All is initialized: what throws from here on runs deinit.
        try setUp(made)
        guard !protocols.isEmpty else { return }
        // Not retained: sessions, which may ask, keep this object.
        SSL_CTX_set_alpn_select_cb(made, Self.choose, Unmanaged.passUnretained(self).toOpaque())
    }

    static func wire(_ protocols: [String]) -> [UInt8] {
        protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    }

    private typealias Choice =
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
            UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
        ) -> Int32

    /// Our most wanted protocol among the client's; none where there is none in common, and the client decides.
    private static let choose: Choice = { _, chosen, chosenCount, offered, offeredCount, context in
        guard let chosen, let chosenCount, let offered, let context else { return SSL_TLSEXT_ERR_NOACK }
        let own = Unmanaged<SharedContext>.fromOpaque(context).takeUnretainedValue().protocols
        let client = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
        var place = 0
        while place < own.count {
            let name = own[place + 1..<place + 1 + Int(own[place])]
            var index = 0
            while index < client.count {
                let count = Int(client[index])
                guard count > 0, index + 1 + count <= client.count else { break }
                if client[index + 1..<index + 1 + count].elementsEqual(name) {
                    // What is chosen must outlive the call: it lies in the client's own list.
                    chosen.pointee = offered + index + 1
                    chosenCount.pointee = UInt8(count)
                    return SSL_TLSEXT_ERR_OK
                }
                index += 1 + count
            }
            place += 1 + Int(own[place])
        }
        return SSL_TLSEXT_ERR_NOACK
    }
}
