// OpenSSL's digest contexts, kept and used again: making one costs more than hashing an entry of the ledger.
import COpenSSL
import Synchronization

/// An algorithm, fetched once for the process: implicit fetching costs more than hashing some hundred bytes.
struct DigestAlgorithm: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Ends the process when OpenSSL does not have it: a gate without SHA-256 can do nothing.
    init(_ name: String) {
        guard let found = EVP_MD_fetch(nil, name, nil) else {
            preconditionFailure("OpenSSL does not provide \(name): \(OpenSSLError.queued())")
        }
        pointer = found
    }

    static let sha256 = DigestAlgorithm("SHA2-256")
}

/// One computation. Not for two threads at a time.
final class DigestContext: @unchecked Sendable {
    private let pointer: OpaquePointer
    private var hasBegun = false

    /// Contexts that wait for their next computation.
    private static let spare = Mutex<[Spare]>([])
    private static let mostSpare = 64

    private struct Spare: @unchecked Sendable {
        let pointer: OpaquePointer
    }

    init() {
        let found = Self.spare.withLock { $0.popLast() }
        guard let pointer = found?.pointer ?? EVP_MD_CTX_new() else {
            preconditionFailure("no memory for a digest")
        }
        self.pointer = pointer
    }

    /// A copy of what has been hashed so far.
    init(copying other: DigestContext) {
        other.begin()
        guard let pointer = EVP_MD_CTX_new(), EVP_MD_CTX_copy_ex(pointer, other.pointer) == 1 else {
            preconditionFailure("no memory for a digest")
        }
        self.pointer = pointer
        hasBegun = true
    }

    deinit {
        let spare = Spare(pointer: pointer)
        let isKept = Self.spare.withLock { all in
            guard all.count < Self.mostSpare else { return false }
            all.append(spare)
            return true
        }
        if !isKept { EVP_MD_CTX_free(pointer) }
    }

    private func begin() {
        if hasBegun { return }
        hasBegun = true
        let begun = EVP_DigestInit_ex2(pointer, DigestAlgorithm.sha256.pointer, nil)
        precondition(begun == 1, "OpenSSL cannot begin a digest")
    }

    func update(_ bytes: UnsafeRawBufferPointer) {
        begin()
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        precondition(EVP_DigestUpdate(pointer, start, bytes.count) == 1, "OpenSSL cannot go on with a digest")
    }

    /// The digest; the next update begins a new one.
    func finalize() -> SHA256Digest {
        begin()
        hasBegun = false
        var digest = SHA256Digest()
        let ended = digest.withUnsafeMutableBytes { bytes in
            EVP_DigestFinal_ex(pointer, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, nil)
        }
        precondition(ended == 1, "OpenSSL cannot end a digest")
        return digest
    }
}
