// A host's addresses, as the system resolves them. getaddrinfo(3) cannot be bounded, so it has a thread of its own
// that is left behind when its time is over.
import Admission
import Foundation
import Sockets
import Synchronization

enum Resolver {
    enum Outcome: Sendable {
        /// In the order in which the system would try them, each once.
        case addresses([IPAddress])
        /// The resolver's own words.
        case failed(code: Int32, String)
        case timeout
    }

    private static let queue = DispatchQueue(label: "dropgate.probe.resolver", attributes: .concurrent)

    private final class Answer: Sendable {
        let value = Mutex<Outcome?>(nil)
        let arrived = DispatchSemaphore(value: 0)
    }

    static func resolve(_ host: String, until deadline: Deadline) -> Outcome {
        // An address needs no resolver, and must not be read in inet_aton's loose ways.
        if let address = try? IPAddress(host) { return .addresses([address]) }
        let answer = Answer()
        queue.async {
            let outcome = look(host)
            answer.value.withLock { $0 = outcome }
            answer.arrived.signal()
        }
        _ = answer.arrived.wait(timeout: .now() + .milliseconds(Int(deadline.milliseconds)))
        return answer.value.withLock { $0 } ?? .timeout
    }

    private static func look(_ host: String) -> Outcome {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else { return .failed(code: code, String(cString: gai_strerror(code))) }
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
        return found.isEmpty ? .failed(code: EAI_NONAME, "no IPv4 or IPv6 address") : .addresses(found)
    }
}
