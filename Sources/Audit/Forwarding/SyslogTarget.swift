// A syslog receiver as settings name it.
import Foundation
import NIOSSL
package import Settings

package struct SyslogTarget: Sendable {
    /// A host as written: a name, or an address without brackets.
    struct Host: Sendable {
        var name: String

        /// For SNI and the certificate; nil for an address, which has no name to send (RFC 6066 section 3).
        var tlsName: String? {
            name.contains(":") || name.allSatisfy { $0.isNumber || $0 == "." } ? nil : name
        }
    }

    private let settings: SyslogSettings

    package init(_ settings: SyslogSettings) { self.settings = settings }

    /// `tls://host:port`
    var address: String { settings.address }
    var host: Host { Host(name: settings.host) }
    var port: Int { settings.port }

    /// nil for plain TCP. TLS 1.2 and later, chain and name verified.
    func tlsContext() throws -> NIOSSLContext? {
        guard settings.isTLS else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let file = settings.authorities { configuration.trustRoots = .file(file) }
        // Without a name there is only the chain to verify: NIOSSL compares addresses with IP SANs as well.
        configuration.certificateVerification = .fullVerification
        if let certificate = settings.certificate, let key = settings.key {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map {
                .certificate($0)
            }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        }
        return try NIOSSLContext(configuration: configuration)
    }
}
