// How a listener learns the source of a connection: set per listener, never guessed. A mode is a file in this directory and
// its line in `allCases`; whoever must know what a mode needs asks it.

package struct AddressMode: Sendable {
    /// What tells the source.
    package enum Evidence: Sendable {
        /// The other end of the socket: no proxy stands between.
        case peer
        /// The PROXY header with which a trusted proxy begins a connection.
        case proxyHeader
        /// A header that a trusted proxy writes into each request.
        case requestHeader(ForwardingHeader)
    }

    /// The word for it in settings, entries and messages.
    package let rawValue: String
    package let evidence: Evidence

    init(_ word: String, _ evidence: Evidence) {
        rawValue = word
        self.evidence = evidence
    }
}

extension AddressMode: CaseIterable {
    package static let allCases: [AddressMode] = [
        direct,
        proxyProtocol,
        xForwardedFor,
        forwarded,
    ]
}

extension AddressMode: RawRepresentable, Hashable {
    /// nil unless a mode has this word.
    package init?(rawValue: String) {
        guard let mode = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
        self = mode
    }

    package static func == (left: AddressMode, right: AddressMode) -> Bool {
        left.rawValue == right.rawValue
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

// What others ask a mode.
extension AddressMode {
    /// The source is what a trusted proxy says. Otherwise there must be none.
    package var asksProxies: Bool {
        if case .peer = evidence { false } else { true }
    }

    package var readsProxyHeader: Bool {
        if case .proxyHeader = evidence { true } else { false }
    }

    /// The header of each request that tells the source; nil: the source is that of the whole connection.
    package var requestHeader: ForwardingHeader? {
        if case .requestHeader(let header) = evidence { header } else { nil }
    }

    /// The headers of all modes in which a proxy says for whom it calls, in lower case.
    package static let requestHeaders = allCases.compactMap(\.requestHeader?.name)
}
