// The algorithms that a side of SSH offers, read from its first packet (RFC 4253 section 7.1), which is in the clear.
import Admission

package struct AlgorithmOffer: Sendable, Hashable {
    /// One list of the packet, in its order. Languages come last and are never agreed on.
    package enum Field: Int32, CaseIterable, Sendable {
        case keyExchange, hostKey, cipherToServer, cipherToClient, macToServer, macToClient,
            compressionToServer, compressionToClient

        package var words: String {
            switch self {
            case .keyExchange: "key exchange"
            case .hostKey: "host key"
            case .cipherToServer, .cipherToClient: "cipher"
            case .macToServer, .macToClient: "MAC"
            case .compressionToServer, .compressionToClient: "compression"
            }
        }
    }

    private static let message: UInt8 = 20
    private static let longestPacket = 35000

    package var lists: [Field: [String]]

    package init(_ lists: [Field: [String]]) { self.lists = lists }

    /// From the first bytes of the other side, its identification line included; nil while they are not whole.
    package init?(seen bytes: [UInt8]) {
        guard let begin = Self.endOfIdentification(bytes) else { return nil }
        var rest = bytes[begin...]
        guard let length = Self.number(&rest), length <= Self.longestPacket, rest.count >= length,
            let padding = rest.popFirst(), rest.popFirst() == Self.message,
            rest.count > 16 + Int(padding)
        else { return nil }
        // The cookie.
        rest = rest.dropFirst(16)
        lists = [:]
        for field in Field.allCases {
            guard let size = Self.number(&rest), rest.count >= size else { return nil }
            let text = String(decoding: rest.prefix(size), as: UTF8.self)
            lists[field] = text.split(separator: ",").map { UntrustedText.head($0, limit: 64) }
            rest = rest.dropFirst(size)
        }
    }

    /// The first kind of algorithm for which the two sides share nothing.
    package func firstGap(to other: AlgorithmOffer) -> Field? {
        Field.allCases.first { field in
            guard let mine = lists[field], let theirs = other.lists[field] else { return false }
            return Set(mine).isDisjoint(with: theirs)
        }
    }

    private static func endOfIdentification(_ bytes: [UInt8]) -> Int? {
        var begin = 0
        while let end = bytes[begin...].firstIndex(of: UInt8(ascii: "\n")) {
            if bytes[begin...end].starts(with: Array("SSH-".utf8)) { return end + 1 }
            begin = end + 1
        }
        return nil
    }

    private static func number(_ bytes: inout ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= 4 else { return nil }
        let value = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        bytes = bytes.dropFirst(4)
        return value
    }
}
