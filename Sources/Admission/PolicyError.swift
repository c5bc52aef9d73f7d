// Why a set of entries or an address mode cannot be loaded. A configuration error: whoever loads keeps
// what was there before and says so.

package struct PolicyError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        package let description: String
        private init(_ description: String) { self.description = description }

        /// No entries at all: never taken as "nobody" or "everybody".
        package static let empty = Code("empty")
        /// An entry that no channel could ever use.
        package static let noChannels = Code("no_channels")
        /// A text that is not the policy of the version it is kept by.
        package static let altered = Code("altered")
        /// A text of a policy with something in it that this program does not know.
        package static let unknownText = Code("unknown_text")
        /// A forwarding mode without anybody to trust.
        package static let trustedProxiesMissing = Code("trusted_proxies_missing")
        /// Trusted proxies on a listener that takes the peer's address.
        package static let trustedProxiesUnused = Code("trusted_proxies_unused")
    }

    package let code: Code
    /// What is wrong and what to do about it.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
