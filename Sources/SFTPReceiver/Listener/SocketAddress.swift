// Addresses between the kernel's form (sockaddr) and the gate's. It decides nothing and resolves no names.
import Admission
import Glibc

enum SocketAddress {
    /// The other end of a connected socket; nil when the system does not know it (any more).
    static func peer(_ descriptor: Int32) -> Endpoint? { endpoint(descriptor, getpeername) }

    /// This end of a socket.
    static func local(_ descriptor: Int32) -> Endpoint? { endpoint(descriptor, getsockname) }

    private static func endpoint(
        _ descriptor: Int32,
        _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Endpoint? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(descriptor, $0, &length) }
        }
        guard result == 0 else { return nil }
        let family = Int32(storage.ss_family)
        return withUnsafeBytes(of: &storage) { bytes in
            switch family {
            case AF_INET:
                let address = bytes.loadUnaligned(as: sockaddr_in.self)
                return endpoint(withUnsafeBytes(of: address.sin_addr) { Array($0) }, address.sin_port)
            case AF_INET6:
                let address = bytes.loadUnaligned(as: sockaddr_in6.self)
                return endpoint(withUnsafeBytes(of: address.sin6_addr) { Array($0) }, address.sin6_port)
            default: return nil
            }
        }
    }

    private static func endpoint(_ bytes: [UInt8], _ port: in_port_t) -> Endpoint? {
        IPAddress(bytes: bytes).map { Endpoint(ip: $0, port: UInt16(bigEndian: port)) }
    }

    /// Calls `body` with the kernel's form of an address.
    static func withSocketAddress<Result>(
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
    static let longestUnixPath = 107

    /// Calls `body` with the kernel's form of a path, which must not be longer than `longestUnixPath`.
    static func withUnixAddress<Result>(
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

/// The two ends of a TCP connection: what tells it from every other one while it lasts.
struct AddressPair: Hashable, Sendable {
    var peer: Endpoint
    var local: Endpoint

    init?(_ descriptor: Int32) {
        guard let peer = SocketAddress.peer(descriptor), let local = SocketAddress.local(descriptor) else {
            return nil
        }
        self.peer = peer
        self.local = local
    }

    /// SSH_CONNECTION as sshd writes it: "address port address port". A zone ("fe80::1%eth0") is dropped.
    init?(sshConnection text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 4, let peer = Self.endpoint(words[0], words[1]),
            let local = Self.endpoint(words[2], words[3])
        else { return nil }
        self.peer = peer
        self.local = local
    }

    private static func endpoint(_ address: Substring, _ port: Substring) -> Endpoint? {
        guard let ip = try? IPAddress(address.prefix { $0 != "%" }), let port = UInt16(port) else {
            return nil
        }
        return Endpoint(ip: ip, port: port)
    }
}
