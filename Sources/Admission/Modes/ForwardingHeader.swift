// A request header in which each proxy says for whom it calls, in an element of its own. Commas stand between elements.

package struct ForwardingHeader: Sendable {
    /// In lower case.
    package let name: String
    /// Reads one element.
    let hop: @Sendable (ArraySlice<UInt8>) throws(ForwardingError) -> ForwardingHop
    /// The element that a proxy writes for a caller.
    package let element: @Sendable (IPAddress) -> String
}
