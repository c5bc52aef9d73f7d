// Reads a PROXY protocol header, version 1 or 2, byte by byte as it arrives. Driven by bytes, it does no
// I/O and keeps no clock: the receiver bounds the time. It fails at the first byte that cannot be right.

/// One header of one connection. After `complete` or an error it takes nothing more.
package struct ProxyHeaderParser: Sendable {
    package enum Step: Sendable, Hashable {
        case needsMore
        /// The header, and what came behind it: the first bytes of the connection proper.
        case complete(ProxyHeader, surplus: [UInt8])
    }

    /// The specification's limit for version 1, CR LF included.
    static let version1Limit = 107
    /// Bytes taken after the 16 fixed ones of version 2, of up to 65,535 that could be announced. Addresses
    /// need at most 216; with TLS details, cloud endpoint ids and a client certificate's names real headers
    /// stay below 2 KiB. The bound is what a peer can make the gate hold before it is admitted.
    static let version2Limit = 4096

    static let version1Start = Array("PROXY ".utf8)
    static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    private enum State {
        case start, version1, version2Fixed, finished
        /// The bytes of the whole header.
        case version2Rest(total: Int)
    }

    private var state = State.start
    private var bytes: [UInt8] = []

    package init() {}

    package mutating func feed(_ bytes: some Collection<UInt8>) throws(ProxyHeaderError) -> Step {
        if case .finished = state {
            throw ProxyHeaderError(.finished, "the PROXY header has been read already")
        }
        var index = bytes.startIndex
        while index != bytes.endIndex {
            let byte = bytes[index]
            bytes.formIndex(after: &index)
            do {
                if let header = try take(byte) {
                    finish()
                    return .complete(header, surplus: Array(bytes[index...]))
                }
            } catch {
                finish()
                throw error
            }
        }
        return .needsMore
    }

    private mutating func finish() {
        state = .finished
        bytes = []
    }

    private mutating func take(_ byte: UInt8) throws(ProxyHeaderError) -> ProxyHeader? {
        bytes.append(byte)
        let last = bytes.count - 1
        switch state {
        case .start:
            let start = bytes[0] == Self.signature[0] ? Self.signature : Self.version1Start
            guard byte == start[last] else {
                throw ProxyHeaderError(
                    .missing, "the connection does not begin with a PROXY header: let the proxy send one")
            }
            if bytes.count == start.count {
                state = bytes[0] == Self.signature[0] ? .version2Fixed : .version1
            }
        case .version1:
            if byte == 0x0A && bytes[last - 1] == 0x0D {
                return try ProxyVersion1.parse(bytes[..<(last - 1)])
            }
            guard bytes[last - 1] != 0x0D, (0x20...0x7E).contains(byte) || byte == 0x0D else {
                throw ProxyHeaderError(.malformed, "a version 1 header is printable text that ends in CR LF")
            }
            guard bytes.count < Self.version1Limit else {
                throw ProxyHeaderError(
                    .tooLong, "a version 1 header has at most \(Self.version1Limit) bytes")
            }
        case .version2Fixed:
            guard bytes.count == 16 else { return nil }
            let length = Int(bytes[14]) << 8 | Int(bytes[15])
            guard length <= Self.version2Limit else {
                throw ProxyHeaderError(
                    .tooLong,
                    "a version 2 header of \(length) bytes is announced, more than \(Self.version2Limit)")
            }
            try ProxyVersion2.check(version: bytes[12], family: bytes[13], length: length)
            state = .version2Rest(total: 16 + length)
            if length == 0 { return try ProxyVersion2.parse(bytes) }
        case .version2Rest(let total):
            if bytes.count == total { return try ProxyVersion2.parse(bytes) }
        case .finished: break
        }
        return nil
    }
}
