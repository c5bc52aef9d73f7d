// What makes a repeat, as a digest. Pure.
import TLS

enum DropKeys {
    /// SHA-256 over the parts, each with its length in front so that no two lists give the same bytes.
    static func digest(_ parts: [String]) -> [UInt8] {
        var hash = SHA256()
        for var part in parts {
            withUnsafeBytes(of: UInt64(part.utf8.count).bigEndian) { hash.update(bufferPointer: $0) }
            part.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        }
        return hash.finalize().bytes
    }
}
