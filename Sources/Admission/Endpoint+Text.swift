// How an endpoint is written: `1.2.3.4:55`, `[2001:db8::1]:55`, or the bare address without a port.

extension Endpoint: CustomStringConvertible {
    package var description: String {
        guard let port else { return ip.description }
        return ip.isIPv4 ? "\(ip):\(port)" : "[\(ip)]:\(port)"
    }
}
