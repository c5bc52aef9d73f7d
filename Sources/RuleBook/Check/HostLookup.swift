// Names to addresses by the system's resolver, off the cooperative threads: getaddrinfo(3) blocks.
package import Admission
import Blocking
import Glibc
import Sockets

package enum HostLookup {
    private static let executor = BlockingExecutor(label: "dropgate.lookup", width: 8)

    /// A name that is not there, and name servers that give no answer (SERVFAIL, none reachable), have different cures.
    /// - Parameter code: getaddrinfo's, with the resolver's own words.
    package static func words(_ host: String, code: Int32, _ said: String) -> String {
        guard code == EAI_AGAIN else {
            return
                "\(host) does not resolve: \(said); check its spelling, and what this network's name server "
                + "says of it (`dig \(host)`)"
        }
        return
            "\(host) could not be looked up, no name server gave an answer: \(said); check /etc/resolv.conf, "
            + "and that DNS (port 53) is let out to the servers there"
    }

    /// Sorted, each once; IPv4 before IPv6. An address is its own answer. Throws `RuleBookError`, or `CancellationError`.
    package static func addresses(of host: String) async throws -> [IPAddress] {
        if let address = try? IPAddress(host) { return [address] }
        switch try await executor.run({ HostAddresses.resolve(host) }) {
        case .success(let addresses): return addresses.sorted()
        case .failure(let failure):
            throw RuleBookError(.unresolved, words(host, code: failure.code, failure.words))
        }
    }
}
