// The outcome of working out who called: a source, or the reason why there is none. Never both.

package struct Resolution: Sendable, Hashable {
    /// The other end of the socket; nil when the system could not name it.
    package var peer: Endpoint?
    /// Who called. Nil exactly when `failure` is set.
    package var source: Endpoint?
    /// Nil when the source is known.
    package var failure: Reason?
    package var mode: AddressMode
    /// The forwarding header as received, printable and at most 1 KiB; its left end is cut first.
    package var chain: String?
    package var trace: [String]

    package init(
        peer: Endpoint?, source: Endpoint?, failure: Reason?, mode: AddressMode, chain: String? = nil,
        trace: [String] = []
    ) {
        self.peer = peer
        self.source = source
        self.failure = failure
        self.mode = mode
        self.chain = chain
        self.trace = trace
    }
}
