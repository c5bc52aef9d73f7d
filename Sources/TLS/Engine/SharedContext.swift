// An SSL_CTX that many threads share. It is set up here, and makes sessions from then on.
import COpenSSL
import Synchronization

/// The pointer is behind a lock, so that no two threads of ours use it at once, and the compiler checks that. The lock is held for
/// a call of SSL_new(3), which is short beside a handshake. The SSL then reads the context without it, on its connection's thread.
/// OpenSSL allows that for as long as nobody changes the context: "it is not safe to modify the factory object after it has been
/// used to create other objects" (openssl-threads(7)). All that changes it is done in `init`, before there is a session.
final class SharedContext: Sendable {
    private let pointer: Mutex<OpaquePointer>
    /// Read by sessions when they choose a protocol. They are freed before this object is.
    private let preferences: Preferences

    deinit { pointer.withLock { SSL_CTX_free($0) } }

    /// A new SSL, for the caller to free before it lets go of this object; nil as SSL_new(3) says it.
    func session() -> OpaquePointer? { pointer.withLock { SSL_new($0) } }

    /// For ALPN (RFC 7301), as on the wire: each name with its length in front.
    private final class Preferences: Sendable {
        let wire: [UInt8]

        init(_ protocols: [String]) { wire = SharedContext.wire(protocols) }
    }

    enum Role: Sendable { case server, client }

    /// - Parameters:
    ///   - protocols: of a server, the most wanted first.
    ///   - setUp: what the context is to be. It must not keep the pointer.
    init(
        _ role: Role, choosing protocols: [String] = [],
        setUp: (OpaquePointer) throws(OpenSSLError) -> Void
    ) throws(OpenSSLError) {
        ERR_clear_error()
        guard let made = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method())
        else { throw OpenSSLError.queued() }
        do throws(OpenSSLError) {
            try setUp(made)
        } catch {
            SSL_CTX_free(made)
            throw error
        }
        preferences = Preferences(protocols)
        if !protocols.isEmpty {
            SSL_CTX_set_alpn_select_cb(made, Self.choose, Unmanaged.passUnretained(preferences).toOpaque())
        }
        pointer = Mutex(made)
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
        let own = Unmanaged<Preferences>.fromOpaque(context).takeUnretainedValue().wire
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
