// What makes a repeat, as a digest. Pure.
import TLS

enum DropKeys {
    /// SHA-256 over the parts, each with its length in front so that no two lists give the same bytes.
    static func digest(_ parts: [String]) -> [UInt8] {
        var hash = SHA256()
        for part in parts {
            let bytes = Array(part.utf8)
            withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: bytes)
        }
        return hash.finalize().bytes
    }
}
