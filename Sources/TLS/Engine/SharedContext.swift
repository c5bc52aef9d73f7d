// An SSL_CTX that many threads share. All that is done with one after it is set up stands in this file.
import COpenSSL

final class SharedContext: Sendable {
    /// `nonisolated(unsafe)`, because the compiler cannot know what C does behind a pointer. OpenSSL makes it safe, and this
    /// file keeps to what OpenSSL asks:
    /// - Threads are to share an SSL_CTX: "Each thread handling TLS connections in parallel should create its own SSL object
    ///   from the shared SSL_CTX" (openssl-threads(7)).
    /// - It must not be changed after SSL_new(3) was called (SSL_CTX_new(3), openssl-threads(7)). All that changes it is
    ///   called by `init`, when nobody else has this object. `setUp` cannot keep the pointer for later: OpaquePointer is not
    ///   Sendable, so the compiler refuses it in `TLSContext` and in a global alike. Afterwards `session` and `deinit`, the
    ///   next two lines, are all that have it.
    /// - It is not used after it is freed: `deinit` runs when nobody can call `session` any more, and an SSL holds a
    ///   reference of its own until SSL_free(3).
    /// - It is a `let`: no thread can see another value.
    /// A Mutex in its place would lock SSL_new, which needs no lock, and nothing of what follows: the SSL itself goes on using
    /// the context, on whatever thread its connection has.
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
