// Why bytes are not a PROXY protocol header. The message names what was expected, never the bytes.

package struct ProxyHeaderError: Error, Sendable, Hashable, CustomStringConvertible {
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        package let description: String
        private init(_ description: String) { self.description = description }

        /// The first bytes are neither `PROXY ` nor the version 2 signature.
        package static let missing = Code("missing")
        /// It starts as a header and breaks the format.
        package static let malformed = Code("malformed")
        /// Longer than the version 1 limit or than the gate takes for version 2.
        package static let tooLong = Code("too_long")
        /// The version 2 checksum does not fit the bytes.
        package static let checksum = Code("checksum")
        /// Bytes were fed after the header was complete or had failed.
        package static let finished = Code("finished")
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
