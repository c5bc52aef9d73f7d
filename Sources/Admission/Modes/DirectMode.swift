// `direct`: callers connect to the gate themselves.

extension AddressMode {
    /// The peer is the source, decided on before the first byte is read.
    package static let direct = AddressMode("direct", .peer)
}
