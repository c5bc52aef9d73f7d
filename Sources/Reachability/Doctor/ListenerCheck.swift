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

    /// The port that a listener has.
    package enum Binding: Sendable {
        case bound(UInt16)
        /// No gate runs.
        case none
        /// It cannot be told, why, and what to do about that.
        case unknown(String, fix: String)
    }

    package struct Listener: Sendable {
        package var name: String
        package var address: ListenAddress
        package var binding: Binding

        package init(name: String, address: ListenAddress, binding: Binding) {
            self.name = name
            self.address = address
            self.binding = binding
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
        switch listener.binding {
        case .bound(let port): return reach(listener, what, port)
        case .none: return free(listener, what)
        case .unknown(let why, let fix):
            return Finding(Self.area, .warn, "\(what): not checked, because \(why)", fix: fix)
        }
    }

    private func reach(_ listener: Listener, _ what: String, _ port: UInt16) -> Finding {
        let ip = listener.address.ip
        let reach = ListenAdvice.Reach(ip, machine: Self.ownAddresses())
        guard let place = reach.place, connects(place, port) else {
            return unreachable(what, reach.place ?? ip, port)
        }
        if listener.name == "console" { return Finding(Self.area, .ok, "\(what) answers") }
        guard let limit = reach.limit else {
            return Finding(
                Self.area, .ok,
                "\(what) is reachable at \(place) from this machine; `dropgate probe` from outside tests the rest of the path"
            )
        }
        return Finding(
            Self.area, .warn, "\(what) answers \(limit)",
            fix: reach.advice(port: listener.address.port == 0 ? port : listener.address.port))
    }

    private func unreachable(_ what: String, _ ip: IPAddress, _ port: UInt16) -> Finding {
        Finding(
            Self.area, .fail, "\(what) does not take connections at \(Endpoint(ip: ip, port: port))",
            fix: "check the gate's log, and let port \(port) through this machine's firewall")
    }

    /// No gate runs: whether it could have the address.
    private func free(_ listener: Listener, _ what: String) -> Finding {
        guard let code = Self.bindError(listener.address) else {
            return Finding(
                Self.area, .warn, "\(what) is not bound: no gate runs with these settings",
                fix: "start the gate: systemctl start dropgate, or dropgate serve")
        }
        return Finding(
            Self.area, .fail, "\(what) cannot be bound: \(SystemError(code))",
            fix: ListenAdvice.cannotBind(listener.address, code))
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

    private func connects(_ ip: IPAddress, _ port: UInt16) -> Bool {
        let connector = TCPConnector(port: port, source: nil, announce: announce)
        return connector.connect([ip], until: Deadline(in: Self.patience)).socket != nil
    }

    /// The addresses of this machine's interfaces that are up.
    package static func ownAddresses() -> [IPAddress] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var next = list
        var found: [IPAddress] = []
        while let item = next?.pointee {
            next = item.ifa_next
            guard let address = item.ifa_addr, item.ifa_flags & UInt32(IFF_UP) != 0,
                let ip = SocketAddress.endpoint(address)?.ip
            else { continue }
            found.append(ip)
        }
        return found
    }
}
