// Writes a PROXY protocol header, version 1 or 2, as a balancer in front of the gate would (HAProxy,
// proxy-protocol.txt sections 2.1 and 2.2). When one address is IPv6, both are written as IPv6.
package import Admission

package enum ProxyHeaderWriter {
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]
    /// Version 2, command PROXY.
    private static let proxyCommand: UInt8 = 0x21
    /// TCP over IPv4 and over IPv6.
    private static let tcp4: UInt8 = 0x11
    private static let tcp6: UInt8 = 0x21

    /// A missing port is 0.
    package static func bytes(
        _ version: ProxyProtocolVersion, source: Endpoint, destination: Endpoint
    ) -> [UInt8] {
        let isIPv4 = source.ip.isIPv4 && destination.ip.isIPv4
        return switch version {
        case .v1: version1(source, destination, isIPv4: isIPv4)
        case .v2: version2(source, destination, isIPv4: isIPv4)
        }
    }

    private static func version1(_ source: Endpoint, _ destination: Endpoint, isIPv4: Bool) -> [UInt8] {
        func text(_ ip: IPAddress) -> String { ip.isIPv4 && !isIPv4 ? "::ffff:\(ip)" : "\(ip)" }
        let line =
            "PROXY \(isIPv4 ? "TCP4" : "TCP6") \(text(source.ip)) \(text(destination.ip)) "
            + "\(source.port ?? 0) \(destination.port ?? 0)\r\n"
        return Array(line.utf8)
    }

    private static func version2(_ source: Endpoint, _ destination: Endpoint, isIPv4: Bool) -> [UInt8] {
        func wide(_ ip: IPAddress) -> [UInt8] {
            ip.isIPv4 && !isIPv4 ? Array(repeating: 0, count: 10) + [0xFF, 0xFF] + ip.bytes : ip.bytes
        }
        func number(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
        let block =
            wide(source.ip) + wide(destination.ip) + number(source.port ?? 0) + number(destination.port ?? 0)
        return signature + [proxyCommand, isIPv4 ? tcp4 : tcp6] + number(UInt16(block.count)) + block
    }
}
