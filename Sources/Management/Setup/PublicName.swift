// The name by which VSee calls a gate: the one that its certificate is for, since callers check it. Pure.
import Admission

package struct PublicName: Sendable, Hashable {
    package enum Origin: String, Sendable {
        /// Named by the certificate.
        case certificate
        /// The certificate names a domain of this kind only, as in `*.example.org`; the name's first part is to be filled in.
        case wildcard
        /// No certificate tells: this machine's own name.
        case machine
    }

    /// A name, or an address without brackets.
    package let host: String
    package let origin: Origin

    /// As it stands in a URL (RFC 3986, section 3.2.2).
    package var inURL: String { host.contains(":") ? "[\(host)]" : host }

    /// - Parameters:
    ///   - names: a certificate's subject alternative names as OpenSSL prints them, `DNS:a.example, IP Address:192.0.2.1`.
    ///     nil: there is no certificate.
    ///   - machine: this machine's name. It is preferred where the certificate is for it, among others.
    package init(certificate names: String?, machine: String) {
        let parts = (names ?? "").split(separator: ",").map { $0.drop { $0 == " " } }
        let all = parts.compactMap { Self.after("DNS:", $0)?.lowercased() }.filter(Self.isHostName)
        let hosts = all.filter { !$0.hasPrefix("*.") && $0 != "localhost" }
        let domains = all.filter { $0.hasPrefix("*.") }.map { $0.dropFirst() }
        // OpenSSL prints IPv6 in full and in capitals: `2001:DB8:0:0:0:0:0:5`.
        let addresses = parts.compactMap { Self.after("IP Address:", $0) }
            .compactMap { try? IPAddress($0) }.filter { !["127.0.0.1", "::1"].contains($0.description) }
        let machine = machine.lowercased()
        if hosts.contains(machine) || domains.contains(where: { Self.covers($0, machine) }) {
            self.init(machine, .certificate)
        } else if let host = hosts.first {
            self.init(host, .certificate)
        } else if let domain = domains.first {
            self.init("NAME\(domain)", .wildcard)
        } else if let address = addresses.first {
            self.init(address.description, .certificate)
        } else {
            self.init(machine, .machine)
        }
    }

    private init(_ host: String, _ origin: Origin) {
        self.host = host
        self.origin = origin
    }

    private static func after(_ prefix: String, _ text: Substring) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }

    /// A wildcard stands for one label (RFC 9525, section 6.3). The domain begins with its dot.
    private static func covers(_ domain: Substring, _ name: String) -> Bool {
        name.hasSuffix(domain) && name.count > domain.count
            && !name.dropLast(domain.count).contains(".")
    }

    private static func isHostName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 253
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                    || [0x2A, 0x2D, 0x2E, 0x5F].contains(byte)
            }
    }
}
