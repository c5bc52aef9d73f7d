// Bytes that nobody can guess, by OpenSSL's generator, which the system's crypto policy governs.
import COpenSSL

/// Ends the process when there is no randomness: going on would make guessable secrets.
package enum RandomBytes {
    package static func make(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(buffer.baseAddress, count)
            initialized = count
        }
    }

    package static func number() -> UInt64 {
        var number: UInt64 = 0
        withUnsafeMutableBytes(of: &number) {
            fill($0.assumingMemoryBound(to: UInt8.self).baseAddress, $0.count)
        }
        return number
    }

    private static func fill(_ start: UnsafeMutablePointer<UInt8>?, _ count: Int) {
        guard RAND_bytes(start, Int32(count)) == 1 else {
            preconditionFailure("OpenSSL has no random bytes: \(OpenSSLError.queued())")
        }
    }
}
