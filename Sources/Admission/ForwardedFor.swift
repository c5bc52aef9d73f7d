// Reads one element of X-Forwarded-For. The header has no standard, so the grammar here is what proxies write: an
// address, with a port or without.

enum ForwardedFor {
    static func hop(_ element: ArraySlice<UInt8>) throws(ForwardingError) -> ForwardingHop {
        let element = HeaderBytes.trim(element)
        guard let endpoint = endpoint(element) else {
            throw ForwardingError("\"\(HeaderBytes.show(element))\" is not an address")
        }
        return .address(endpoint)
    }

    /// `a.b.c.d`, `a.b.c.d:port`, `v6`, `[v6]:port`.
    private static func endpoint(_ element: ArraySlice<UInt8>) -> Endpoint? {
        if let bare = AddressText.parse(element) { return Endpoint(ip: IPAddress(value: bare.value)) }
        guard let (ip, tail) = HeaderBytes.split(element), let tail, let port = HeaderBytes.port(tail) else {
            return nil
        }
        return Endpoint(ip: ip, port: port)
    }
}
