// Bytes that nobody can guess, by OpenSSL's generator, which the system's crypto policy governs.
import COpenSSL

package enum RandomBytes {
    /// Ends the process when there is no randomness: going on would make guessable secrets.
    package static func make(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard RAND_bytes(buffer.baseAddress, Int32(count)) == 1 else {
                preconditionFailure("OpenSSL has no random bytes: \(OpenSSLError.queued())")
            }
            initialized = count
        }
    }
}
