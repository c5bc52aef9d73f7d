// Names to addresses by the system's resolver, off the cooperative threads: getaddrinfo(3) blocks.
package import Admission
import Foundation

package enum HostLookup {
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Sorted, each once; IPv4 before IPv6. An address is its own answer.
    package static func addresses(of host: String) async throws -> [IPAddress] {
        if let address = try? IPAddress(host) { return [address] }
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try look(up: host) })
            }
        }
    }

    private static func look(up host: String) throws -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        guard status == 0 else {
            throw Failure(description: "\(host) has no address: \(String(cString: gai_strerror(status)))")
        }
        defer { freeaddrinfo(list) }
        var found: Set<IPAddress> = []
        var next = list
        while let info = next?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let size = socklen_t(text.count)
            if getnameinfo(info.ai_addr, info.ai_addrlen, &text, size, nil, 0, NI_NUMERICHOST) == 0,
                let address = try? IPAddress(
                    String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
            {
                found.insert(address)
            }
            next = info.ai_next
        }
        guard !found.isEmpty else { throw Failure(description: "\(host) has no address") }
        return found.sorted()
    }
}
