// Why an address or a block was not taken: a code for programs, a message for the person who can mend it.
// The message never carries raw outside text: it is escaped and bounded first.

/// An address or CIDR block that does not parse under the strict rules of admission.
package struct AddressError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        package let description: String
        private init(_ description: String) { self.description = description }

        /// Not an IPv4 or IPv6 address in strict text form.
        package static let badAddress = Code("bad_address")
        /// The part after `/` is not a decimal length that fits the address.
        package static let badPrefix = Code("bad_prefix")
        /// A block of everything (`/0`): an allowlist must not hold it.
        package static let everything = Code("everything")
        /// Bits are set behind the prefix.
        package static let hostBits = Code("host_bits")
        /// An IPv4-mapped block wider than the mapped range.
        package static let mappedPrefix = Code("mapped_prefix")
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
