// `x-forwarded-for`: an HTTP proxy appends its caller's address to X-Forwarded-For.

extension AddressMode {
    /// The first hop from the right that is no trusted proxy is the source.
    package static let xForwardedFor = AddressMode(
        "x-forwarded-for",
        .requestHeader(
            ForwardingHeader(name: "x-forwarded-for", hop: ForwardedFor.hop, element: { "\($0)" })))
}
