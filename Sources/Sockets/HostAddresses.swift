// A host's addresses, as the system resolves them. getaddrinfo(3) blocks for as long as the name servers let it: callers make
// it on a `BlockingExecutor`.
package import Admission
import Glibc

package enum HostAddresses {
    package struct Failure: Error, Sendable {
        /// getaddrinfo's.
        package let code: Int32
        /// The resolver's own words.
        package let words: String
    }

    /// In the order in which the system would try them, each once; never empty.
    package static func resolve(_ host: String) -> Result<[IPAddress], Failure> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            return .failure(Failure(code: code, words: String(cString: gai_strerror(code))))
        }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let address = entry.ai_addr, let ip = SocketAddress.endpoint(UnsafePointer(address))?.ip,
                !found.contains(ip)
            {
                found.append(ip)
            }
            next = entry.ai_next
        }
        guard !found.isEmpty else {
            return .failure(Failure(code: EAI_NONAME, words: "no IPv4 or IPv6 address"))
        }
        return .success(found)
    }
}
