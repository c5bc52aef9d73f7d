// Names to addresses by the system's resolver, off the cooperative threads: getaddrinfo(3) blocks.
package import Admission
import Blocking
import Sockets

package enum HostLookup {
    private static let executor = BlockingExecutor(label: "dropgate.lookup", width: 8)

    /// Sorted, each once; IPv4 before IPv6. An address is its own answer. Throws `RuleBookError`, or `CancellationError`.
    package static func addresses(of host: String) async throws -> [IPAddress] {
        if let address = try? IPAddress(host) { return [address] }
        switch try await executor.run({ HostAddresses.resolve(host) }) {
        case .success(let addresses): return addresses.sorted()
        case .failure(let failure):
            throw RuleBookError(.unresolved, "\(host) has no address: \(failure.words)")
        }
    }
}
