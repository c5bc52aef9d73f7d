// What many TLS sessions share: certificate, key, authorities, versions, ciphers. It is made whole and never changed;
// new files make a new one, and sessions keep the one that they began with.
//
// The system's crypto policy (openssl.cnf, config(5)) is loaded by OpenSSL itself. What is set here only tightens it.
import COpenSSL

/// Shared by all event loops.
package final class TLSContext: Sendable {
    /// Protocols for ALPN (RFC 7301), the most wanted first.
    package typealias Protocols = [String]

    package struct Server {
        /// The server's own certificate, and those between it and its authority.
        package var chain: [Certificate]
        package var key: PrivateKey
        package var protocols: Protocols
        /// Set: each client needs a certificate of one of these. Each counts as an authority by itself, be it an
        /// intermediate or a root.
        package var clientAuthorities: [Certificate]?
        /// For clients that know no good cipher of TLS 1.2: those of the policy without authenticated encryption or without
        /// forward secrecy come behind the good ones.
        package var allowsOldCiphers: Bool

        package init(
            chain: [Certificate], key: PrivateKey, protocols: Protocols = [],
            clientAuthorities: [Certificate]? = nil, allowsOldCiphers: Bool = false
        ) {
            self.allowsOldCiphers = allowsOldCiphers
            self.chain = chain
            self.key = key
            self.protocols = protocols
            self.clientAuthorities = clientAuthorities
        }
    }

    package struct Client {
        package enum Trust: Sendable {
            /// The system's authorities.
            case system
            /// Those of a PEM file, and no others.
            case file(String)
            /// Any certificate: what it is worth is judged afterwards.
            case any
        }

        package var trust: Trust
        package var protocols: Protocols
        /// TLS 1.2 is the newest version that is offered: for tests of servers.
        package var isAtMost12: Bool
        /// For servers that ask for one.
        package var identity: (chain: [Certificate], key: PrivateKey)?

        package init(
            trust: Trust, protocols: Protocols = [], isAtMost12: Bool = false,
            identity: (chain: [Certificate], key: PrivateKey)? = nil
        ) {
            self.isAtMost12 = isAtMost12
            self.trust = trust
            self.protocols = protocols
            self.identity = identity
        }
    }

    private let shared: SharedContext
    let verifiesServers: Bool

    /// Throws when certificate, key and policy do not go together, in OpenSSL's words.
    package init(_ server: Server) throws(OpenSSLError) {
        verifiesServers = false
        shared = try SharedContext(.server, choosing: server.protocols) {
            pointer throws(OpenSSLError) in
            Self.limit(pointer)
            try Self.use(server.chain, server.key, pointer)
            try Self.offerCiphers(old: server.allowsOldCiphers, pointer)
            try Self.check(
                SSL_CTX_set_session_id_context(
                    pointer, Self.sessionContext, UInt32(Self.sessionContext.count)))
            // Sessions of TLS 1.3 make theirs with the first answer.
            SSL_CTX_set_num_tickets(pointer, 0)
            // Tickets hold sessions; the cache is for callers of TLS 1.2 without tickets.
            COpenSSL_set_session_cache(pointer, 1, 1000)
            if let authorities = server.clientAuthorities { try Self.ask(for: authorities, pointer) }
            // What has been allowed to a certificate is asked again soon; of who comes back sooner, `SessionEnd` is.
            SSL_CTX_set_timeout(pointer, server.clientAuthorities == nil ? 3600 : 300)
        }
    }

    /// Throws when authorities or identity cannot be used.
    package init(_ client: Client) throws(OpenSSLError) {
        let verifies: Bool
        if case .any = client.trust { verifies = false } else { verifies = true }
        verifiesServers = verifies
        shared = try SharedContext(.client) { pointer throws(OpenSSLError) in
            Self.limit(pointer)
            COpenSSL_set_session_cache(pointer, 0, 0)
            if client.isAtMost12 { try Self.check(COpenSSL_set_max_version(pointer, TLS1_2_VERSION)) }
            switch client.trust {
            case .system: try Self.check(SSL_CTX_set_default_verify_paths(pointer))
            case .file(let path): try Self.check(SSL_CTX_load_verify_file(pointer, path))
            case .any: break
            }
            if let identity = client.identity { try Self.use(identity.chain, identity.key, pointer) }
            let protocols = SharedContext.wire(client.protocols)
            if !protocols.isEmpty {
                // This function alone says 0 when all is well.
                try Self.check(1 - SSL_CTX_set_alpn_protos(pointer, protocols, UInt32(protocols.count)))
            }
            SSL_CTX_set_verify(pointer, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        }
    }

    /// A new SSL, for the caller to free before it lets go of this object; nil as SSL_new(3) says it.
    func session() -> OpaquePointer? { shared.session() }

    /// Sessions of other services with the same certificate are none of ours.
    private static let sessionContext = Array("dropgate".utf8)

    private static func limit(_ pointer: OpaquePointer) {
        COpenSSL_set_options(pointer)
        // A policy that asks for more stays.
        if COpenSSL_min_version(pointer) < TLS1_2_VERSION {
            _ = COpenSSL_set_min_version(pointer, TLS1_2_VERSION)
        }
    }

    private static func check(_ result: Int32) throws(OpenSSLError) {
        if result != 1 { throw OpenSSLError.queued() }
    }

    private static func use(
        _ chain: [Certificate], _ key: PrivateKey, _ pointer: OpaquePointer
    ) throws(OpenSSLError) {
        guard let leaf = chain.first else { throw OpenSSLError(words: "no certificate") }
        guard key.fits(leaf) else { throw OpenSSLError(words: "the key is not the certificate's") }
        ERR_clear_error()
        for (index, certificate) in chain.enumerated() {
            let result =
                index == 0
                ? SSL_CTX_use_certificate(pointer, leaf.pointer)
                : COpenSSL_add_chain_certificate(pointer, certificate.pointer)
            guard result == 1 else {
                // As a rule the policy's security level: a key too small, a digest too weak.
                throw OpenSSLError(
                    words: "the system's crypto policy refuses the certificate of "
                        + "\(certificate.subject): \(OpenSSLError.queued())")
            }
        }
        try Self.check(SSL_CTX_use_PrivateKey(pointer, key.pointer))
    }

    /// Of the policy's ciphers for TLS 1.2 those that RFC 9325 section 4.2 recommends: forward secrecy by ECDHE, and
    /// authenticated encryption; the others only where they are asked for. TLS 1.3 has no others.
    ///
    /// Where the policy says nothing of their order, AES-128 comes first: it is no weaker in practice, and a handshake
    /// with SHA-384 costs a tenth more.
    private static func offerCiphers(
        old isOldAllowed: Bool, _ pointer: OpaquePointer
    ) throws(OpenSSLError) {
        let usual = try Self.usualCiphers()
        var (old, new, rest) = Self.ciphers(pointer)
        if old == usual.old { old = Self.fastestFirst(old) }
        if new == usual.new { new = Self.fastestFirst(new) }
        if !new.isEmpty { try Self.check(SSL_CTX_set_ciphersuites(pointer, new.joined(separator: ":"))) }
        if isOldAllowed { old += rest }
        // A policy without any of them has TLS 1.3 alone, where all are good.
        guard !old.isEmpty else {
            guard COpenSSL_set_min_version(pointer, TLS1_3_VERSION) == 1 else {
                throw OpenSSLError(
                    words: "the system's crypto policy (openssl.cnf) leaves no cipher that is good")
            }
            return
        }
        try Self.check(SSL_CTX_set_cipher_list(pointer, old.joined(separator: ":")))
    }

    private typealias Ciphers = (old: [String], new: [String], rest: [String])

    /// The good ones of TLS 1.2, those of 1.3, and of the others those that do no worse than CBC or RSA key exchange, in the
    /// context's order.
    private static func ciphers(_ pointer: OpaquePointer) -> Ciphers {
        let ciphers = SSL_CTX_get_ciphers(pointer)
        var found: Ciphers = ([], [], [])
        for index in 0..<COpenSSL_cipher_count(ciphers) {
            guard let cipher = COpenSSL_cipher(ciphers, index), let text = SSL_CIPHER_get_name(cipher) else {
                continue
            }
            let name = String(cString: text)
            if name.hasPrefix("TLS_") { found.new.append(name) }
            let isRecommended =
                name.hasPrefix("ECDHE-") && (name.contains("GCM") || name.contains("CHACHA20"))
            if isRecommended, SSL_CIPHER_is_aead(cipher) == 1 {
                found.old.append(name)
            } else if name.contains("AES"), name.hasPrefix("ECDHE-") || name.hasPrefix("AES") {
                found.rest.append(name)
            }
        }
        return found
    }

    /// What OpenSSL offers where no policy says otherwise.
    private static func usualCiphers() throws(OpenSSLError) -> Ciphers {
        guard let pointer = SSL_CTX_new(TLS_server_method()) else { throw OpenSSLError.queued() }
        defer { SSL_CTX_free(pointer) }
        try check(SSL_CTX_set_cipher_list(pointer, OSSL_default_cipher_list()))
        try check(SSL_CTX_set_ciphersuites(pointer, OSSL_default_ciphersuites()))
        return ciphers(pointer)
    }

    private static func fastestFirst(_ names: [String]) -> [String] {
        func isFast(_ name: String) -> Bool { name.contains("AES128") || name.contains("AES_128_GCM") }
        return names.filter(isFast) + names.filter { !isFast($0) }
    }

    private static func ask(
        for authorities: [Certificate], _ pointer: OpaquePointer
    ) throws(OpenSSLError) {
        guard let store = X509_STORE_new(), let names = COpenSSL_names() else { throw OpenSSLError.queued() }
        // Both belong to the context from here on.
        SSL_CTX_set_cert_store(pointer, store)
        SSL_CTX_set_client_CA_list(pointer, names)
        X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        for authority in authorities {
            try Self.check(X509_STORE_add_cert(store, authority.pointer))
            try Self.check(COpenSSL_add_name(names, X509_get_subject_name(authority.pointer)))
        }
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, SessionEnd.keep)
    }
}
