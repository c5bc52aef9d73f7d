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

    /// What the gate cannot be without and this OpenSSL does not provide, as OpenSSL names it; as a rule because its
    /// configuration asks for properties or providers that are not there. Empty when all is there.
    package static var missing: [String] {
        defer { ERR_clear_error() }
        var missing: [String] = []
        for name in ["SHA2-256", "SHA2-512"] {
            if let digest = EVP_MD_fetch(nil, name, nil) { EVP_MD_free(digest) } else { missing.append(name) }
        }
        if let mac = EVP_MAC_fetch(nil, "HMAC", nil) { EVP_MAC_free(mac) } else { missing.append("HMAC") }
        if let signature = EVP_SIGNATURE_fetch(nil, "ED25519", nil) {
            EVP_SIGNATURE_free(signature)
        } else {
            missing.append("ED25519")
        }
        if RAND_status() != 1 { missing.append("random numbers") }
        return missing
    }

    /// Path of the configuration (openssl.cnf, config(5)); $OPENSSL_CONF names another.
    package static var configuration: String {
        guard let path = CONF_get1_default_config_file() else { return "openssl.cnf" }
        defer { COpenSSL_free(path) }
        return String(cString: path)
    }

    /// Loads the configuration once more and throws what is wrong with it: OpenSSL itself passes over a file that it
    /// cannot read or understand, and works without the policy in it. Not while other threads use TLS.
    package static func checkConfiguration() throws(OpenSSLError) {
        let path = configuration
        // Without a file there is no policy, and that is not a mistake unless somebody names one.
        if getenv("OPENSSL_CONF") == nil, access(path, F_OK) != 0 { return }
        ERR_clear_error()
        guard let file = NCONF_new(nil) else { throw OpenSSLError.queued() }
        defer { NCONF_free(file) }
        var line = 0
        guard NCONF_load(file, path, &line) == 1 else {
            let isRead = line > 0
            let words = isRead ? OpenSSLError.queued().description : String(cString: strerror(errno))
            ERR_clear_error()
            throw OpenSSLError(words: isRead ? "\(path):\(line): \(words)" : "cannot read \(path): \(words)")
        }
        guard CONF_modules_load(file, nil, 0) == 1 else {
            throw OpenSSLError(words: "\(path): \(OpenSSLError.queuedWithDetail())")
        }
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw OpenSSLError(words: "\(path): \(OpenSSLError.queued())")
        }
        defer { SSL_CTX_free(context) }
        // Making a context has passed over what is wrong with the policy; this does not.
        guard SSL_CTX_config(context, "system_default") != 1 else { return }
        let code = ERR_peek_last_error()
        ERR_clear_error()
        if COpenSSL.ERR_GET_REASON(code) == SSL_R_INVALID_CONFIGURATION_NAME { return }
        // OpenSSL does not tell which.
        throw OpenSSLError(
            words:
                "\(path): the section that system_default names has a command or a value that OpenSSL does not know"
        )
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
