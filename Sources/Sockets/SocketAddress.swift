// Addresses between the kernel's form (sockaddr) and the gate's. It decides nothing and resolves no names.
package import Admission
package import Glibc

package enum SocketAddress {
    /// The other end of a connected socket; nil when the system does not know it (any more).
    package static func peer(_ descriptor: Int32) -> Endpoint? { endpoint(descriptor, getpeername) }

    /// This end of a socket.
    package static func local(_ descriptor: Int32) -> Endpoint? { endpoint(descriptor, getsockname) }

    private static func endpoint(
        _ descriptor: Int32,
        _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Endpoint? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(descriptor, $0, &length) }
        }
        return result == 0 ? endpoint(storage) : nil
    }

    static func endpoint(_ storage: sockaddr_storage) -> Endpoint? {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { endpoint($0) }
        }
    }

    /// What the system's calls give, getaddrinfo(3) for one; nil for what is neither IPv4 nor IPv6.
    package static func endpoint(_ address: UnsafePointer<sockaddr>) -> Endpoint? {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let address = raw.loadUnaligned(as: sockaddr_in.self)
            return withUnsafeBytes(of: address.sin_addr) { endpoint($0, address.sin_port) }
        case AF_INET6:
            let address = raw.loadUnaligned(as: sockaddr_in6.self)
            return withUnsafeBytes(of: address.sin6_addr) { endpoint($0, address.sin6_port) }
        default: return nil
        }
    }

    private static func endpoint(_ bytes: UnsafeRawBufferPointer, _ port: in_port_t) -> Endpoint? {
        IPAddress(bytes: bytes).map { Endpoint(ip: $0, port: UInt16(bigEndian: port)) }
    }

    /// AF_INET or AF_INET6.
    package static func family(_ ip: IPAddress) -> Int32 { ip.isIPv4 ? AF_INET : AF_INET6 }

    /// Calls `body` with the kernel's form of an address.
    package static func withSocketAddress<Result>(
        _ ip: IPAddress, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        func call<Address>(_ address: Address) -> Result {
            withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<Address>.size))
                }
            }
        }
        if ip.isIPv4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: ip.bytes) }
            return call(address)
        }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: ip.bytes) }
        return call(address)
    }

    /// The most bytes a Unix socket's path may have on Linux: sun_path holds 108 with the final NUL.
    package static let longestUnixPath = 107

    /// Calls `body` with the kernel's form of a path, which must not be longer than `longestUnixPath`.
    package static func withUnixAddress<Result>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: path.utf8.prefix(longestUnixPath))
        }
        return withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
