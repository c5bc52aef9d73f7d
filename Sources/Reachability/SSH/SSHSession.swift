// One SSH connection of libssh2: key exchange, what was agreed, the host key. Blocking, and bound by a deadline that
// is set for each step; it belongs to one thread at a time. Frees itself.
import Admission
import CLibSSH2
import Foundation

package final class SSHSession {
    package let socket: ProbeSocket
    package let greeting: SSHGreeting
    let raw: OpaquePointer
    private let wire: SSHWire
    /// When the call that is made next must have ended.
    package var deadline = Deadline(in: .seconds(10))

    /// Thread-safe only when it has run once before any session: a global constant does.
    private static let isReady = libssh2_init(0) == 0
    /// The preferred first: one type, so that a pinned fingerprint is of the key that is shown.
    private static let hostKeyTypes = [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
    ]

    /// `preferred` are host key types that a pin is known for; `only` is the one type to ask for.
    package init(
        _ socket: ProbeSocket, _ greeting: SSHGreeting, preferred: [String] = [], only: String? = nil
    ) throws(SSHError) {
        let wire = SSHWire(greeting)
        guard Self.isReady,
            let raw = libssh2_session_init_ex(nil, nil, nil, Unmanaged.passUnretained(wire).toOpaque())
        else { throw SSHError(LIBSSH2_ERROR_ALLOC, "libssh2 could not begin a session") }
        self.socket = socket
        self.greeting = greeting
        self.wire = wire
        self.raw = raw
        wire.install(in: raw)
        libssh2_session_set_blocking(raw, 1)
        try check(libssh2_session_banner_set(raw, SSHGreeting.own))
        let types =
            only.map { [$0] } ?? Self.hostKeyTypes.filter(preferred.contains)
            + Self.hostKeyTypes.filter { !preferred.contains($0) }
        try check(libssh2_session_method_pref(raw, LIBSSH2_METHOD_HOSTKEY, types.joined(separator: ",")))
    }

    deinit {
        libssh2_session_set_timeout(raw, 500)
        libssh2_session_disconnect_ex(raw, SSH_DISCONNECT_BY_APPLICATION, "done", "")
        // What is left to say would only wait for the other side.
        shutdown(socket.descriptor, Int32(SHUT_RDWR))
        libssh2_session_free(raw)
        withExtendedLifetime(wire) {}
    }

    /// The time that is left becomes the library's; 0 would mean none at all to it.
    func prepare() throws(SSHError) {
        guard !deadline.isPast else { throw .timedOut }
        libssh2_session_set_timeout(raw, Int(max(1, deadline.milliseconds)))
    }

    @discardableResult
    func check(_ result: Int32) throws(SSHError) -> Int32 {
        guard result < 0 else { return result }
        throw lastError(result)
    }

    func lastError(_ result: Int32? = nil) -> SSHError {
        var text: UnsafeMutablePointer<CChar>?
        let code = libssh2_session_last_error(raw, &text, nil, 0)
        return SSHError(
            result ?? code, text.map { String(cString: $0) } ?? "it failed", isClosed: wire.isClosed)
    }

    package func exchangeKeys() throws(SSHError) {
        try prepare()
        try check(libssh2_session_handshake(raw, socket.descriptor))
    }

    /// The agreed algorithms, by the words of `AlgorithmOffer`; both directions in one when they are the same.
    package var agreed: [(name: String, value: String)] {
        func method(_ kind: Int32) -> String? {
            libssh2_session_methods(raw, kind).map { UntrustedText.head(String(cString: $0)) }
        }
        func both(_ name: String, _ out: Int32, _ back: Int32) -> (String, String)? {
            guard let first = method(out), let second = method(back), first != "" else { return nil }
            return (name, first == second ? first : "\(first) / \(second)")
        }
        return [
            method(LIBSSH2_METHOD_KEX).map { ("kex", $0) },
            both("cipher", LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC),
            both("mac", LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC),
        ].compactMap(\.self)
    }

    /// What the other side offered, when its first packet has come.
    package var theirOffer: AlgorithmOffer? { AlgorithmOffer(seen: wire.seen) }

    /// The types of the server's other host keys that this side can ask for.
    var otherHostKeyTypes: [String] {
        let offered = theirOffer?.lists[.hostKey] ?? []
        return Self.hostKeyTypes.filter { offered.contains($0) && $0 != hostKey?.type }
    }

    /// What this side can do.
    package var ourOffer: AlgorithmOffer {
        var lists: [AlgorithmOffer.Field: [String]] = [:]
        for field in AlgorithmOffer.Field.allCases {
            var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
            let count = libssh2_session_supported_algs(raw, field.rawValue, &names)
            guard count > 0, let names else { continue }
            lists[field] = (0..<Int(count)).compactMap { names[$0].map { String(cString: $0) } }
            libssh2_free(raw, names)
        }
        return AlgorithmOffer(lists)
    }

    /// The other side's host key, once keys are exchanged.
    package var hostKey: HostKey? {
        var length = 0
        var type: Int32 = 0
        guard let bytes = libssh2_session_hostkey(raw, &length, &type), length > 0 else { return nil }
        let blob = UnsafeRawBufferPointer(start: bytes, count: length)
        return HostKey(blob: Array(blob))
    }
}
