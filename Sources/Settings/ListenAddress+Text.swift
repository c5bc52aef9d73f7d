// `ADDRESS:PORT` to a listen address, and when two of them cannot both be had. No names, no services.
import Admission

extension ListenAddress {
    static let help = "write ADDRESS:PORT, as in 0.0.0.0:8443, 127.0.0.1:8080 or \"[::]:8443\""

    /// Stands where no address could be read. Never handed out: the load fails.
    static let nowhere = ListenAddress("0.0.0.0:0")!

    /// nil unless the text is an address and a port from 0 to 65535.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits)
        else {
            return nil
        }
        var host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let ip = try? IPAddress(host), ip.isIPv4 != isBracketed else { return nil }
        self.init(ip: ip, port: port)
    }

    private var isWildcard: Bool { ip.bytes.allSatisfy { $0 == 0 } }

    /// Whether both cannot be bound at once: one port, and one address or a wildcard that covers the other.
    /// Port 0 never conflicts; `[::]` also takes IPv4.
    func conflicts(with other: ListenAddress) -> Bool {
        guard port != 0, port == other.port else { return false }
        if ip == other.ip { return true }
        return covers(other) || other.covers(self)
    }

    private func covers(_ other: ListenAddress) -> Bool {
        isWildcard && (!ip.isIPv4 || other.ip.isIPv4)
    }
}
