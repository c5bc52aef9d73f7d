// An X.509 certificate (RFC 5280) as OpenSSL reads it. It stays with the task or event loop that has it.
import COpenSSL
import Glibc

package final class Certificate {
    /// X509, which nobody changes.
    let pointer: OpaquePointer

    /// Takes over a reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    /// Takes a reference of its own.
    convenience init(sharing pointer: OpaquePointer) {
        X509_up_ref(pointer)
        self.init(owning: pointer)
    }

    deinit { X509_free(pointer) }

    /// The certificates of a PEM text (RFC 7468), in its order; empty when there is none. Throws when one of them is
    /// broken: a chain with a hole is not used.
    package static func list(pem: [UInt8]) throws(OpenSSLError) -> [Certificate] {
        let bio = try PEM.reading(pem)
        defer { BIO_free(bio) }
        var found: [Certificate] = []
        ERR_clear_error()
        while let next = PEM_read_bio_X509(bio, nil, nil, nil) { found.append(Certificate(owning: next)) }
        let code = ERR_peek_last_error()
        ERR_clear_error()
        // PEM_R_NO_START_LINE: nothing more of the kind.
        guard COpenSSL.ERR_GET_REASON(code) == PEM_R_NO_START_LINE else {
            throw OpenSSLError(reason: OpenSSLError.words(code))
        }
        return found
    }

    /// Distinguished names on one line, RFC 2253, as anybody may have written them: control characters and all.
    package var subject: String { Self.text { COpenSSL_name_text(X509_get_subject_name(pointer), $0, $1) } }
    package var issuer: String { Self.text { COpenSSL_name_text(X509_get_issuer_name(pointer), $0, $1) } }

    /// Seconds since the epoch.
    package var notBefore: Int64 { Self.seconds(X509_get0_notBefore(pointer)) }
    package var notAfter: Int64 { Self.seconds(X509_get0_notAfter(pointer)) }

    /// Subject alternative names as OpenSSL prints them: `DNS:a.example, IP Address:127.0.0.1`.
    package var names: String { extensionText(NID_subject_alt_name) }

    /// Access to its authority (AIA) as OpenSSL prints it: `CA Issuers - URI:http://…`.
    package var authorityAccess: String { extensionText(NID_info_access) }

    package var isSelfIssued: Bool {
        X509_NAME_cmp(X509_get_subject_name(pointer), X509_get_issuer_name(pointer)) == 0
    }

    /// DER.
    package var bytes: [UInt8] {
        let count = i2d_X509(pointer, nil)
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
            var end = buffer.baseAddress
            initialized = max(0, Int(i2d_X509(pointer, &end)))
        }
    }

    /// SHA-256 of the DER.
    package var fingerprint: SHA256Digest { SHA256.hash(data: bytes) }

    package var pem: String { PEM.text { PEM_write_bio_X509($0, pointer) } }

    private func extensionText(_ nid: Int32) -> String {
        Self.text { COpenSSL_extension_text(pointer, nid, $0, $1) }
    }

    private static func text(_ fill: (UnsafeMutablePointer<CChar>, Int32) -> Void) -> String {
        let bytes = [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
            buffer.withMemoryRebound(to: CChar.self) { chars in
                guard let start = chars.baseAddress else { return }
                start.pointee = 0
                fill(start, Int32(chars.count))
                count = strlen(start)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var parts = tm()
        return ASN1_TIME_to_tm(time, &parts) == 1 ? Int64(timegm(&parts)) : 0
    }
}

enum PEM {
    /// A BIO with a copy of the bytes, wiped when it is freed where they were secret.
    static func reading(_ bytes: [UInt8], isSecret: Bool = false) throws(OpenSSLError) -> OpaquePointer {
        ERR_clear_error()
        guard let bio = BIO_new(isSecret ? BIO_s_secmem() : BIO_s_mem()) else { throw OpenSSLError.queued() }
        guard bytes.isEmpty || BIO_write(bio, bytes, Int32(bytes.count)) == Int32(bytes.count) else {
            BIO_free(bio)
            throw OpenSSLError.queued()
        }
        COpenSSL_end(bio)
        return bio
    }

    static func text(_ write: (OpaquePointer) -> Int32) -> String {
        guard let bio = COpenSSL_memory() else { return "" }
        defer { BIO_free(bio) }
        guard write(bio) == 1 else { return "" }
        var start: UnsafeMutablePointer<CChar>?
        let count = COpenSSL_contents(bio, &start)
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
