// Comparison in time that does not tell where two values differ. Here, because OpenSSL has it, and what must be compared so
// is a digest or a code of this target's.
import COpenSSL

package enum ConstantTime {
    /// Lengths are no secret: values of different lengths differ at once.
    package static func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        guard let first = a.baseAddress, let second = b.baseAddress else { return true }
        return CRYPTO_memcmp(first, second, a.count) == 0
    }

    package static func isEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.withUnsafeBytes { a in b.withUnsafeBytes { isEqual(a, $0) } }
    }
}
