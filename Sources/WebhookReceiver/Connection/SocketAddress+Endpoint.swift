// The peer of a socket as an admission endpoint. What has no IP address gives nil, and nil is refused.
import Admission
import NIOCore

extension Endpoint {
    init?(_ address: SocketAddress?) {
        guard let address, let text = address.ipAddress, let ip = try? IPAddress(text) else { return nil }
        self.init(ip: ip, port: address.port.flatMap { UInt16(exactly: $0) })
    }
}
