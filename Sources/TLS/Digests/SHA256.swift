// SHA-256 (FIPS 180-4) over what comes piece by piece, by OpenSSL.

/// A value: a copy goes on by itself.
package struct SHA256: Sendable {
    private var context: DigestContext

    package init() { context = DigestContext() }

    /// The next piece.
    package mutating func update(bufferPointer bytes: UnsafeRawBufferPointer) {
        if !isKnownUniquelyReferenced(&context) { context = DigestContext(copying: context) }
        context.update(bytes)
    }

    package mutating func update(data bytes: some Collection<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ update(bufferPointer: UnsafeRawBufferPointer($0)) })
            == nil
        {
            Array(bytes).withUnsafeBytes { update(bufferPointer: $0) }
        }
    }

    /// The digest of all pieces. It can go on after that.
    package func finalize() -> SHA256Digest { DigestContext(copying: context).finalize() }

    /// The digest of all pieces, without a copy of what has been hashed; begins anew.
    package mutating func finish() -> SHA256Digest {
        if !isKnownUniquelyReferenced(&context) { context = DigestContext(copying: context) }
        return context.finalize()
    }

    package static func hash(_ bytes: UnsafeRawBufferPointer) -> SHA256Digest {
        let context = DigestContext()
        context.update(bytes)
        return context.finalize()
    }

    package static func hash(data bytes: some Collection<UInt8>) -> SHA256Digest {
        bytes.withContiguousStorageIfAvailable { hash(UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes { hash($0) }
    }
}

/// 32 bytes.
package struct SHA256Digest: Sendable, Hashable, Sequence {
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

    package func makeIterator() -> IndexingIterator<[UInt8]> { bytes.makeIterator() }

    /// 64 digits, lower case.
    package var hex: String { Hex.text(bytes) }
}
