// A host's addresses, as the system resolves them, within a bound: getaddrinfo(3) has none, so it has a thread of its own
// that is left behind when its time is over.
import Admission
import Blocking
import Sockets

enum Resolver {
    enum Outcome: Sendable {
        /// In the order in which the system would try them, each once.
        case addresses([IPAddress])
        /// The resolver's own words.
        case failed(code: Int32, String)
        case timeout
    }

    /// As many as there are probes, which are left behind by a name server that does not answer.
    private static let executor = BlockingExecutor(label: "dropgate.probe.resolver", width: 16)

    /// For a probe's own thread: it blocks.
    static func resolve(_ host: String, until deadline: Deadline) -> Outcome {
        // An address needs no resolver, and must not be read in inet_aton's loose ways.
        if let address = try? IPAddress(host) { return .addresses([address]) }
        let answer = executor.wait(for: deadline.remaining) {
            HostAddresses.resolve(host)
        }
        switch answer {
        case .success(let addresses)?: return .addresses(addresses)
        case .failure(let failure)?: return .failed(code: failure.code, failure.words)
        case nil: return .timeout
        }
    }
}
