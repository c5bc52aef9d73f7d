// What tells one TCP connection from every other, here and in what sshd says of it.
import Admission
import Sockets

/// The two ends of a TCP connection: what tells it from every other one while it lasts.
struct AddressPair: Hashable, Sendable {
    var peer: Endpoint
    var local: Endpoint

    /// nil when the other end is not known, or this one.
    init?(_ descriptor: Int32, peer: Endpoint?) {
        guard let peer, let local = SocketAddress.local(descriptor) else { return nil }
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
