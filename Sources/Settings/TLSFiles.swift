// Certificates and keys in the PEM files that settings name. One judgement for the start, for each reload and for doctor.
package import Files
import Foundation
package import TLS

package enum TLSFiles {
    private static let longest = 1 << 20

    /// At least one, in the file's order. Throws when one of them is broken: a chain with a hole is not used.
    package static func certificates(_ path: String) throws(FileError) -> [Certificate] {
        let bytes = try FileReading.bytes(path, limit: longest)
        let found: [Certificate]
        do { found = try Certificate.list(pem: bytes) } catch {
            throw FileError(message: "\(path): a certificate in it is damaged: \(error)")
        }
        guard !found.isEmpty else {
            // A SEQUENCE of more than 255 bytes (X.690): the first bytes of DER and of PKCS #12.
            let isBinary = bytes.starts(with: [0x30, 0x82])
            throw FileError(
                message: "\(path): no PEM certificate in it"
                    + (isBinary ? "; `openssl x509 -inform der` or `openssl pkcs12` converts it" : ""))
        }
        return found
    }

    package static func key(_ path: String) throws(FileError) -> PrivateKey {
        let bytes = try FileReading.bytes(path, limit: longest, readers: .group)
        do { return try PrivateKey(pem: bytes) } catch {
            throw FileError(message: "\(path): \(error)")
        }
    }
}

extension TLSFiles {
    /// What a listener needs for TLS, tried by a handshake with itself. Throws when the files, or the system's crypto
    /// policy and they, do not go together.
    package static func server(
        _ settings: TLSSettings, protocols: TLSContext.Protocols = [], allowsOldCiphers: Bool = false
    ) throws(FileError) -> (context: TLSContext, chain: [Certificate]) {
        let server = TLSContext.Server(
            chain: try certificates(settings.certificate), key: try key(settings.key), protocols: protocols,
            clientAuthorities: try authorities(settings.clientAuthorities), allowsOldCiphers: allowsOldCiphers
        )
        let files = "\(settings.certificate) and \(settings.key)"
        guard server.key.fits(server.chain[0]) else {
            throw FileError(
                message: "\(files) do not belong together: the key is not that of the first certificate")
        }
        let context: TLSContext
        do { context = try TLSContext(server) } catch {
            throw FileError(message: "\(files) cannot be used: \(error)")
        }
        do { try server.tryHandshake() } catch {
            throw FileError(
                message: "no caller could connect with \(files) under the system's crypto policy "
                    + "(\(OpenSSLLibrary.configuration)): \(error)")
        }
        return (context, server.chain)
    }

    /// What a client needs to show who it is.
    package static func client(
        certificate: String, key: String
    ) throws(FileError) -> (chain: [Certificate], key: PrivateKey) {
        let identity = (chain: try certificates(certificate), key: try Self.key(key))
        guard identity.key.fits(identity.chain[0]) else {
            throw FileError(
                message: "\(certificate) and \(key) do not belong together: "
                    + "the key is not that of the first certificate")
        }
        return identity
    }

    private static func authorities(_ path: String?) throws(FileError) -> [Certificate]? {
        guard let path else { return nil }
        // Who may call in is theirs to say.
        do throws(FileError) { try FileTrust.check(path) } catch {
            throw error.of(path)
        }
        return try certificates(path)
    }
}

extension [Certificate] {
    /// When the first of them ends, in seconds since the epoch: callers check the whole chain. nil for none.
    package var end: Int64? { map(\.notAfter).min() }
}
