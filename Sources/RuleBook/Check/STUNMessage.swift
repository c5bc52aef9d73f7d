// STUN messages (RFC 8489 section 5), as much as a binding request needs: header, attributes, the mapped address. Bytes
// in, values out; no I/O.
package import Admission

package struct STUNMessage: Sendable, Hashable {
    package static let magicCookie: UInt32 = 0x2112_A442
    package static let bindingRequest: UInt16 = 0x0001
    package static let bindingSuccess: UInt16 = 0x0101
    package static let bindingError: UInt16 = 0x0111

    static let mappedAddress: UInt16 = 0x0001
    static let xorMappedAddress: UInt16 = 0x0020
    private static let headerSize = 20

    package struct Attribute: Sendable, Hashable {
        package var type: UInt16
        package var value: [UInt8]

        package init(type: UInt16, value: [UInt8]) {
            self.type = type
            self.value = value
        }
    }

    package var type: UInt16
    /// 12 bytes.
    package var transaction: [UInt8]
    package var attributes: [Attribute] = []

    package init(type: UInt16, transaction: [UInt8]) {
        self.type = type
        self.transaction = transaction
    }

    /// A binding request with a random transaction id (RFC 8489 section 5: at least 96 bits, unpredictable).
    package static func request(using generator: inout some RandomNumberGenerator) -> STUNMessage {
        STUNMessage(
            type: bindingRequest,
            transaction: (0..<12).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    package var bytes: [UInt8] {
        var body: [UInt8] = []
        for attribute in attributes {
            body += Self.pair(attribute.type) + Self.pair(UInt16(attribute.value.count)) + attribute.value
            body += Array(repeating: 0, count: Self.padding(attribute.value.count))
        }
        let cookie = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: Self.magicCookie >> $0) }
        return Self.pair(type) + Self.pair(UInt16(body.count)) + cookie + transaction + body
    }

    /// nil for what is not a whole STUN message with the magic cookie.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headerSize, bytes[0] & 0xC0 == 0 else { return nil }
        let length = Int(Self.number(bytes, 2))
        let cookie = UInt32(Self.number(bytes, 4)) << 16 | UInt32(Self.number(bytes, 6))
        guard cookie == Self.magicCookie, length % 4 == 0, bytes.count == Self.headerSize + length else {
            return nil
        }
        type = Self.number(bytes, 0)
        transaction = Array(bytes[8..<20])
        var position = Self.headerSize
        while position < bytes.count {
            guard position + 4 <= bytes.count else { return nil }
            let size = Int(Self.number(bytes, position + 2))
            let end = position + 4 + size
            guard end + Self.padding(size) <= bytes.count else { return nil }
            attributes.append(
                Attribute(type: Self.number(bytes, position), value: Array(bytes[(position + 4)..<end])))
            position = end + Self.padding(size)
        }
    }

    /// The address and port from which the server saw the request: XOR-MAPPED-ADDRESS (section 14.2), else the
    /// MAPPED-ADDRESS of servers that follow RFC 3489.
    package var reflexiveAddress: (ip: IPAddress, port: UInt16)? {
        if let value = attributes.first(where: { $0.type == Self.xorMappedAddress })?.value {
            return address(value, key: Array(bytes[4..<Self.headerSize]))
        }
        guard let value = attributes.first(where: { $0.type == Self.mappedAddress })?.value else {
            return nil
        }
        return address(value, key: Array(repeating: 0, count: 16))
    }

    private func address(_ value: [UInt8], key: [UInt8]) -> (ip: IPAddress, port: UInt16)? {
        guard value.count == 8 && value[1] == 1 || value.count == 20 && value[1] == 2 else { return nil }
        let port = Self.number(value, 2) ^ Self.number(key, 0)
        guard let ip = IPAddress(bytes: zip(value[4...], key).map { $0 ^ $1 }) else { return nil }
        return (ip, port)
    }

    private static func pair(_ number: UInt16) -> [UInt8] {
        [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)]
    }

    private static func number(_ bytes: [UInt8], _ at: Int) -> UInt16 {
        UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1])
    }

    private static func padding(_ count: Int) -> Int { (4 - count % 4) % 4 }
}
