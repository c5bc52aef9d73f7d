// A syslog receiver as settings name it.
package import Settings
import TLS

package struct SyslogTarget: Sendable {
    private let settings: SyslogSettings

    package init(_ settings: SyslogSettings) { self.settings = settings }

    /// `tls://host:port`
    var address: String { settings.address }
    /// A name, or an address without brackets.
    var host: String { settings.host }
    var port: Int { settings.port }

    /// nil for plain TCP. TLS 1.2 and later, chain and name verified.
    func tlsContext() throws -> TLSContext? {
        guard settings.isTLS else { return nil }
        var client = TLSContext.Client(trust: settings.authorities.map { .file($0) } ?? .system)
        if let certificate = settings.certificate, let key = settings.key {
            client.identity = try TLSFiles.client(certificate: certificate, key: key)
        }
        return try TLSContext(client)
    }
}
