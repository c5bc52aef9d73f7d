// `forwarded`: an HTTP proxy appends its caller's address to Forwarded (RFC 7239).

extension AddressMode {
    /// The first hop from the right that is no trusted proxy is the source.
    package static let forwarded = AddressMode(
        "forwarded",
        .requestHeader(
            ForwardingHeader(
                name: "forwarded", hop: ForwardedHeader.hop,
                element: { $0.isIPv4 ? "for=\($0)" : "for=\"[\($0)]\"" })))
}
