// `proxy-protocol`: a proxy hands connections on as they are, and begins each one with a PROXY header, version 1 or 2.

extension AddressMode {
    /// The header of a trusted peer names the source; `ProxyHeaderParser` reads it.
    package static let proxyProtocol = AddressMode("proxy-protocol", .proxyHeader)
}
