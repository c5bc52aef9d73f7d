// What a listen address can be reached from, and which one would be better. Pure.
package import Admission
import Glibc
package import Settings

package enum ListenAdvice {
    /// Who can come to a listener.
    package struct Reach: Sendable, Hashable {
        /// Where it can be tried from this machine; nil when there is no such place.
        package var place: IPAddress?
        /// Why nobody outside can come; nil when somebody can.
        package var limit: String?
        private let ip: IPAddress
        private let advice: Advice

        private enum Advice: Sendable, Hashable { case none, everywhere, bothFamilies, network }

        /// - Parameter machine: the addresses of this machine.
        package init(_ ip: IPAddress, machine: [IPAddress]) {
            self.ip = ip
            let outward = machine.filter { !$0.isLoopback && !$0.isLinkLocal }
            let isWildcard = ip.bytes.allSatisfy { $0 == 0 }
            if ip.isLoopback {
                (place, limit, advice) = (ip, "on loopback only: nobody outside can reach it", .everywhere)
            } else if ip.isLinkLocal {
                (place, limit, advice) = (
                    ip, "on a link-local address: only its own segment can reach it", .everywhere
                )
            } else if !isWildcard {
                (place, limit, advice) = (ip, nil, .none)
            } else if let own = outward.first(where: { $0.isIPv4 == ip.isIPv4 })
                ?? (ip.isIPv4 ? nil : outward.first)
            {
                // `[::]` takes IPv4 as well.
                (place, limit, advice) = (own, nil, .none)
            } else if !outward.isEmpty {
                (place, limit, advice) = (
                    Self.loopback(isIPv4: true),
                    "by IPv4 only, and this machine has no IPv4 address but loopback",
                    .bothFamilies
                )
            } else {
                let loopback = Self.loopback(
                    isIPv4: ip.isIPv4 || !machine.contains { !$0.isIPv4 && $0.isLoopback })
                (place, limit, advice) = (
                    loopback, "on loopback only: this machine has no other address", .network
                )
            }
        }

        /// What to do; nil where nothing is to be done.
        package func advice(port: UInt16) -> String? {
            switch advice {
            case .none: nil
            case .everywhere:
                "listen on \(ip.isIPv4 ? "0.0.0.0" : "[::]"):\(port), unless a proxy on this machine passes connections on"
            case .bothFamilies: "listen on [::]:\(port), which takes IPv4 and IPv6"
            case .network:
                "give this machine an address to which VSee's traffic can come (`ip address` shows what it has)"
            }
        }

        private static func loopback(isIPv4: Bool) -> IPAddress? {
            IPAddress(bytes: isIPv4 ? [127, 0, 0, 1] : Array(repeating: 0, count: 15) + [1])
        }
    }

    /// What to do about an address that cannot be bound.
    /// - Parameter error: errno of bind(2).
    package static func cannotBind(_ address: ListenAddress, _ error: Int32) -> String {
        let everywhere = "\(address.ip.isIPv4 ? "0.0.0.0" : "[::]"):\(address.port)"
        switch error {
        case EADDRINUSE:
            return "`ss -ltnp` shows who has the port; stop it, or give the listener another address and port"
        case EADDRNOTAVAIL:
            return
                "this machine has no such address (`ip address` shows what it has): name one of them, or \(everywhere)"
        case EACCES:
            return
                "let the firewall pass the port on to one above 1023, or give the service CAP_NET_BIND_SERVICE"
        case EINVAL where address.ip.isLinkLocal:
            return
                "a link-local address belongs to an interface, which cannot be named here: listen on \(everywhere)"
        case EAFNOSUPPORT: return "this machine has no IPv6: listen on 0.0.0.0:\(address.port)"
        default: return "name an address of this machine (`ip address` shows them), or \(everywhere)"
        }
    }
}
