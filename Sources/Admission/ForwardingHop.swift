// One element of a forwarding header, as the parsers of both header families give it to the walk.

enum ForwardingHop: Sendable, Hashable {
    case address(Endpoint)
    /// `unknown`, an obfuscated identifier, or no `for` at all: printable text that is not an address.
    case hidden(String)
}

/// A header that does not follow its grammar. The whole header is then not believed.
struct ForwardingError: Error, Hashable {
    /// Printable and bounded.
    var message: String

    init(_ message: String) { self.message = message }
}
