// Whether somebody outside can come to the listeners: bound, and taking connections at an address of this machine
// that is not loopback. It tells the gate from where it is about to connect, and says nothing there: the gate records a probe.
package import Admission
import Files
import Foundation
package import Settings
import Sockets

package struct ListenerCheck {
    private static let area = "listeners"
    private static let patience = Duration.seconds(3)

    /// A listener with the port that it has bound; nil when no gate runs.
    package struct Listener: Sendable {
        package var name: String
        package var address: ListenAddress
        package var port: UInt16?

        package init(name: String, address: ListenAddress, port: UInt16?) {
            self.name = name
            self.address = address
            self.port = port
        }
    }

    private let listeners: [Listener]

    private let announce: (@Sendable (Endpoint) -> Void)?

    /// - Parameter announce: as in `ProbeOptions`.
    package init(_ listeners: [Listener], announce: (@Sendable (Endpoint) -> Void)? = nil) {
        self.listeners = listeners
        self.announce = announce
    }

    /// Blocking, some seconds at most for each listener.
    package func findings() -> [Finding] { listeners.map(finding) }

    private func finding(_ listener: Listener) -> Finding {
        let what = "\(listener.name) on \(listener.address)"
        guard let port = listener.port else { return free(listener, what) }
        let isWildcard = listener.address.ip.bytes.allSatisfy { $0 == 0 }
        let own = isWildcard ? Self.ownAddress(isIPv4: listener.address.ip.isIPv4) : listener.address.ip
        let isLoopback = listener.address.ip.isLoopback
        if listener.name == "console" || isLoopback || own == nil {
            let ip = isWildcard ? Self.loopback(isIPv4: listener.address.ip.isIPv4) : listener.address.ip
            guard connects(ip, port) else { return unreachable(what, ip, port) }
            if listener.name == "console" { return Finding(Self.area, .ok, "\(what) answers") }
            return Finding(
                Self.area, .warn,
                own == nil
                    ? "\(what) answers; this machine has no address but loopback"
                    : "\(what) answers on loopback only: nobody outside can reach it",
                fix: "listen on 0.0.0.0:\(port), unless a proxy on this machine passes connections on")
        }
        guard let own, connects(own, port) else {
            return unreachable(what, own ?? listener.address.ip, port)
        }
        return Finding(
            Self.area, .ok,
            "\(what) is reachable at \(own) from this machine; `dropgate probe` from outside tells the rest")
    }

    private func unreachable(_ what: String, _ ip: IPAddress?, _ port: UInt16) -> Finding {
        let place = ip.map { "\(Endpoint(ip: $0, port: port))" } ?? "its own address"
        return Finding(
            Self.area, .fail, "\(what) does not take connections at \(place)",
            fix: "look into the gate's log, and let port \(port) through this machine's firewall")
    }

    /// No gate runs: whether it could have the address.
    private func free(_ listener: Listener, _ what: String) -> Finding {
        guard let code = Self.bindError(listener.address) else {
            return Finding(
                Self.area, .warn, "\(what) is not bound: no gate runs with these settings",
                fix: "start it: dropgate serve, or systemctl start dropgate")
        }
        return Finding(
            Self.area, .fail, "\(what) cannot be bound: \(SystemError(code))",
            fix: "`ss -ltnp` shows who has the port; stop it, or give the listener another address and port")
    }

    /// errno of a bind that is undone at once; nil: it works.
    private static func bindError(_ address: ListenAddress) -> Int32? {
        let family = SocketAddress.family(address.ip)
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var on: Int32 = 1
        _ = setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let result = SocketAddress.withSocketAddress(address.ip, port: address.port) {
            bind(descriptor, $0, $1)
        }
        return result == 0 ? nil : errno
    }

    private func connects(_ ip: IPAddress?, _ port: UInt16) -> Bool {
        guard let ip else { return false }
        let connector = TCPConnector(port: port, source: nil, announce: announce)
        return connector.connect([ip], until: Deadline(in: Self.patience)).socket != nil
    }

    private static func loopback(isIPv4: Bool) -> IPAddress? {
        IPAddress(bytes: isIPv4 ? [127, 0, 0, 1] : Array(repeating: 0, count: 15) + [1])
    }

    /// The first address of this machine that is neither loopback nor link local.
    private static func ownAddress(isIPv4: Bool) -> IPAddress? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var next = list
        var found: [IPAddress] = []
        while let item = next?.pointee {
            next = item.ifa_next
            guard let address = item.ifa_addr, item.ifa_flags & UInt32(IFF_UP) != 0,
                let ip = SocketAddress.endpoint(address)?.ip
            else { continue }
            if !ip.isLoopback, !ip.isLinkLocal { found.append(ip) }
        }
        return found.first { $0.isIPv4 == isIPv4 } ?? (isIPv4 ? nil : found.first)
    }
}

extension IPAddress {
    fileprivate var isLoopback: Bool {
        isIPv4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
    }

    fileprivate var isLinkLocal: Bool {
        isIPv4 ? bytes[0] == 169 && bytes[1] == 254 : bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80
    }
}
