// The elements of a forwarding header, from the right: the proxies in front of the gate wrote the last ones, and what
// stands left of the first untrusted one is the caller's. So nothing left of it is looked at.
//
// A comma always ends an element. RFC 7239 allows one inside quotes; no real value has it, and a caller who opens a quote
// must not have it swallow what the proxy appends.

struct ForwardingElements: Sequence, IteratorProtocol {
    private var lines: ArraySlice<[UInt8]>
    /// What is left of the present line; nil: it has been given.
    private var rest: ArraySlice<UInt8>?

    /// Lines in the order received.
    init(_ lines: [String]) {
        self.lines = lines.map { Array($0.utf8) }[...]
        rest = self.lines.popLast()?[...]
    }

    mutating func next() -> ArraySlice<UInt8>? {
        guard let line = rest ?? lines.popLast()?[...] else { return nil }
        guard let comma = line.lastIndex(of: HeaderBytes.comma) else {
            rest = nil
            return line
        }
        rest = line[..<comma]
        return line[line.index(after: comma)...]
    }
}
