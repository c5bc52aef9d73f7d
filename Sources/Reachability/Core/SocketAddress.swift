// Addresses as the system's calls take and give them. IPv4 and IPv6 over TCP alone.
import Admission
import Foundation

struct SocketAddress {
    private var storage = sockaddr_storage()
    private let length: socklen_t

    let family: Int32

    init(_ ip: IPAddress, port: UInt16) {
        if ip.isIPv4 {
            family = AF_INET
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: ip.bytes) }
            withUnsafeMutableBytes(of: &storage) { raw in
                withUnsafeBytes(of: address) { raw.copyMemory(from: $0) }
            }
        } else {
            family = AF_INET6
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: ip.bytes) }
            withUnsafeMutableBytes(of: &storage) { raw in
                withUnsafeBytes(of: address) { raw.copyMemory(from: $0) }
            }
        }
    }

    /// Calls with the address as connect(2) and bind(2) take it.
    func with<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// Reads what getaddrinfo(3), getsockname(2) or getpeername(2) gave; nil for other families.
    static func endpoint(_ pointer: UnsafePointer<sockaddr>) -> Endpoint? {
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET:
            let address = UnsafeRawPointer(pointer).loadUnaligned(as: sockaddr_in.self)
            return withUnsafeBytes(of: address.sin_addr) { IPAddress(bytes: $0) }.map {
                Endpoint(ip: $0, port: UInt16(bigEndian: address.sin_port))
            }
        case AF_INET6:
            let address = UnsafeRawPointer(pointer).loadUnaligned(as: sockaddr_in6.self)
            return withUnsafeBytes(of: address.sin6_addr) { IPAddress(bytes: $0) }.map {
                Endpoint(ip: $0, port: UInt16(bigEndian: address.sin6_port))
            }
        default: return nil
        }
    }

    /// The endpoint that `call` (getsockname or getpeername) tells of a socket.
    static func endpoint(
        of descriptor: Int32,
        _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Endpoint? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                call(descriptor, address, &length) == 0 ? endpoint(UnsafePointer(address)) : nil
            }
        }
    }
}
