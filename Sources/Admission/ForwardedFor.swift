// Reads one line of X-Forwarded-For. The header has no standard, so the grammar here is what proxies write:
// addresses separated by commas. Anything else makes the whole line malformed; nothing is skipped.

enum ForwardedFor {
    static func parse(_ line: String) throws(ForwardingError) -> [ForwardingHop] {
        var hops: [ForwardingHop] = []
        let bytes = Array(line.utf8)
        for part in bytes.split(separator: HeaderBytes.comma, omittingEmptySubsequences: false) {
            let element = HeaderBytes.trim(part)
            guard let endpoint = endpoint(element) else {
                throw ForwardingError(
                    "element \(hops.count + 1) \"\(HeaderBytes.show(element))\" is not an address")
            }
            hops.append(.address(endpoint))
        }
        return hops
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
