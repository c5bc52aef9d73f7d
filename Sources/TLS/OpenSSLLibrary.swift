// Which OpenSSL this process works with, and whether the system has a newer one by now.
import COpenSSL
import Glibc

package struct OpenSSLLibrary: Sendable {
    /// `OpenSSL 3.0.17 1 Jul 2025`: name, version and date of the library that is loaded.
    package static var version: String { String(cString: OpenSSL_version(OPENSSL_VERSION)) }

    /// Providers that are active (OSSL_PROVIDER(7)): "default", and "fips" where the system's policy has it.
    package static var providers: [String] {
        OPENSSL_init_crypto(UInt64(OPENSSL_INIT_LOAD_CONFIG), nil)
        return ["default", "fips", "base", "legacy"].filter { OSSL_PROVIDER_available(nil, $0) == 1 }
    }

    /// Libraries that a process has mapped and that an upgrade has replaced since: it works with the old ones until
    /// it is restarted. nil when its map cannot be read (it is another user's).
    package static func replaced(inProcess id: String = "self") -> [String]? {
        guard let map = fopen("/proc/\(id)/maps", "re") else { return nil }
        defer { fclose(map) }
        var found: Set<String> = []
        var line = [CChar](repeating: 0, count: 8192)
        var isReadable = false
        while fgets(&line, Int32(line.count), map) != nil {
            isReadable = true
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if let name = replaced(inLine: text) { found.insert(name) }
        }
        return isReadable ? found.sorted() : nil
    }

    /// The path of a mapping of libssl or libcrypto whose file is gone from its place (proc_pid_maps(5)).
    static func replaced(inLine line: String) -> String? {
        var text = Substring(line)
        while text.last?.isNewline == true { text.removeLast() }
        let mark = " (deleted)"
        guard text.hasSuffix(mark), let start = text.firstIndex(of: "/") else { return nil }
        let path = text[start...].dropLast(mark.count)
        let name = path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]
        return name.hasPrefix("libssl.so") || name.hasPrefix("libcrypto.so") ? String(path) : nil
    }
}
