// SHA-256 (FIPS 180-4) over what comes piece by piece, by OpenSSL.
import COpenSSL

/// One computation, which has one owner: OpenSSL's state cannot be shared, so it cannot be copied. Ends the process where
/// OpenSSL has no SHA-256: a gate without it can do nothing, and every command but doctor says so before it begins.
package struct SHA256: ~Copyable {
    /// EVP_MD_CTX.
    private let state: OpaquePointer

    package init() {
        guard let state = COpenSSL_begin_sha256() else {
            preconditionFailure("OpenSSL cannot begin a SHA-256: \(OpenSSLError.queued())")
        }
        self.state = state
    }

    deinit { COpenSSL_end_sha256(state) }

    /// The next piece.
    package mutating func update(bufferPointer bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        precondition(EVP_DigestUpdate(state, start, bytes.count) == 1, "OpenSSL cannot go on with a digest")
    }

    package mutating func update(data bytes: some Collection<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ update(bufferPointer: UnsafeRawBufferPointer($0)) })
            == nil
        {
            Array(bytes).withUnsafeBytes { update(bufferPointer: $0) }
        }
    }

    /// The digest of all pieces.
    package consuming func finalize() -> SHA256Digest { Self.end(state) }

    /// The digest of all pieces, after which the next begins. For many small ones: OpenSSL need not make its state anew for each.
    package mutating func next() -> SHA256Digest {
        let digest = Self.end(state)
        precondition(EVP_DigestInit_ex2(state, nil, nil) == 1, "OpenSSL cannot begin another digest")
        return digest
    }

    /// The digest of the pieces so far; more may come.
    package func digestSoFar() -> SHA256Digest {
        guard let copy = EVP_MD_CTX_new(), EVP_MD_CTX_copy_ex(copy, state) == 1 else {
            preconditionFailure("OpenSSL cannot copy a digest: \(OpenSSLError.queued())")
        }
        defer { EVP_MD_CTX_free(copy) }
        return Self.end(copy)
    }

    private static func end(_ state: OpaquePointer) -> SHA256Digest {
        var digest = SHA256Digest()
        let ended = digest.withUnsafeMutableBytes { bytes in
            EVP_DigestFinal_ex(state, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, nil)
        }
        precondition(ended == 1, "OpenSSL cannot end a digest")
        return digest
    }

    package static func hash(_ bytes: UnsafeRawBufferPointer) -> SHA256Digest {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return hash.finalize()
    }

    package static func hash(data bytes: some Collection<UInt8>) -> SHA256Digest {
        bytes.withContiguousStorageIfAvailable { hash(UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes { hash($0) }
    }
}

/// 32 bytes.
package struct SHA256Digest: Sendable, Hashable {
    package static let byteCount = 32

    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init() {}

    /// Compares in constant time.
    package static func == (a: Self, b: Self) -> Bool {
        a.withUnsafeBytes { a in b.withUnsafeBytes { ConstantTime.isEqual(a, $0) } }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    package func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try Swift.withUnsafeBytes(of: words, body)
    }

    mutating func withUnsafeMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R
    {
        try Swift.withUnsafeMutableBytes(of: &words, body)
    }

    package var bytes: [UInt8] { withUnsafeBytes(Array.init) }

    /// 64 digits, lower case.
    package var hex: String { withUnsafeBytes(Hex.text) }

    /// Whether a text is what `hex` gives: others send digests as text, too.
    package static func isHex(_ text: String) -> Bool {
        text.utf8.count == 2 * byteCount
            && text.utf8.allSatisfy { Hex.value($0) != nil && !(0x41...0x46).contains($0) }
    }
}
