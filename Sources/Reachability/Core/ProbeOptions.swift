// How a probe calls: from which address, through which header, how patiently.
package import Admission

package enum ProxyProtocolVersion: String, Sendable, Hashable, CaseIterable {
    case v1, v2
}

package struct ProbeOptions: Sendable {
    /// The local address to call from; the system's choice when nil.
    package var source: IPAddress?
    /// Begin with a PROXY protocol header, as a balancer in front of the gate does.
    package var proxyProtocol: ProxyProtocolVersion?
    /// The source that the header names; the connection's own when nil.
    package var proxiedSource: IPAddress?
    /// How long each step may take.
    package var timeout: Duration
    /// A step beyond this is a warning.
    package var slow: Duration
    package var count: Int
    /// From the end of one probe to the start of the next.
    package var interval: Duration
    /// Told from where a connection to an address of this machine is about to come; it blocks until a gate here knows that.
    package var announce: (@Sendable (Endpoint) -> Void)?

    package init(
        source: IPAddress? = nil, proxyProtocol: ProxyProtocolVersion? = nil,
        proxiedSource: IPAddress? = nil, timeout: Duration = .seconds(10), slow: Duration = .seconds(2),
        count: Int = 1, interval: Duration = .seconds(1)
    ) {
        self.source = source
        self.proxyProtocol = proxyProtocol
        self.proxiedSource = proxiedSource
        self.timeout = timeout
        self.slow = slow
        self.count = count
        self.interval = interval
    }
}
