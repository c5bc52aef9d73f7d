// What a PROXY protocol header said, version 1 or 2. See the specification of HAProxy, proxy-protocol.txt.
// Only `proxied` names a source; the others can never deliver data.

package enum ProxyHeader: Sendable, Hashable {
    /// The proxy itself connected (a health check).
    case local
    /// A connection of a kind that names no TCP source: UNKNOWN, AF_UNSPEC, UDP, Unix sockets.
    case unknown
    case proxied(source: Endpoint, destination: Endpoint)
}
