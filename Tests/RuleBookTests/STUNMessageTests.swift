// STUN against the test vectors of RFC 5769, and against bytes that are no STUN.
import Admission
import RuleBook
import Testing

@Suite struct STUNMessageTests {
    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue ?? 0) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static let transaction = bytes("b7e7a701bc34d686fa87dfae")

    /// RFC 5769 section 2.1.
    private static let request = bytes(
        """
        00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
        00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014
        9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf
        """)

    /// RFC 5769 section 2.2.
    private static let responseV4 = bytes(
        """
        0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008
        0001a147 e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96
        """)

    /// RFC 5769 section 2.3.
    private static let responseV6 = bytes(
        """
        01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014
        0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1 1784c97c 8292c275
        bfe3ed41 80280004 c8fb0b4c
        """)

    @Test func theSampleRequestIsRead() throws {
        let message = try #require(STUNMessage(Self.request))
        #expect(message.type == STUNMessage.bindingRequest && message.transaction == Self.transaction)
        #expect(message.attributes.map(\.type) == [0x8022, 0x0024, 0x8029, 0x0006, 0x0008, 0x8028])
        #expect(message.attributes[0].value == Array("STUN test client".utf8))
        #expect(message.attributes[3].value == Array("evtj:h6vY".utf8))
        // Only the padding of USERNAME differs: the vector pads with spaces, and any value may stand there.
        let written = message.bytes
        #expect(written.count == Self.request.count)
        #expect(STUNMessage(written) == message)
        #expect(zip(written, Self.request).filter { $0 != $1 }.map(\.1) == [0x20, 0x20, 0x20])
    }

    @Test func theMappedAddressIsUnmasked() throws {
        let v4 = try #require(STUNMessage(Self.responseV4)?.reflexiveAddress)
        #expect(v4.ip == (try IPAddress("192.0.2.1")) && v4.port == 32853)
        let v6 = try #require(STUNMessage(Self.responseV6)?.reflexiveAddress)
        #expect(v6.ip == (try IPAddress("2001:db8:1234:5678:11:2233:4455:6677")) && v6.port == 32853)
    }

    @Test func anOldServersMappedAddressIsTakenAsItIs() {
        var message = STUNMessage(type: STUNMessage.bindingSuccess, transaction: Self.transaction)
        #expect(message.reflexiveAddress == nil)
        message.attributes.append(.init(type: 1, value: [0, 1, 0x80, 0x55, 192, 0, 2, 1]))
        let seen = message.reflexiveAddress
        #expect(seen?.ip.description == "192.0.2.1" && seen?.port == 32853)
    }

    @Test func aRequestIsAHeaderWithARandomTransaction() {
        var generator = SystemRandomNumberGenerator()
        let first = STUNMessage.request(using: &generator)
        #expect(first.bytes.prefix(8) == [0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42] && first.bytes.count == 20)
        #expect(first.transaction != STUNMessage.request(using: &generator).transaction)
        #expect(STUNMessage(first.bytes) == first)
    }

    @Test func whatIsCutShortOrLongerIsRefused() {
        for count in 0..<Self.responseV4.count {
            #expect(STUNMessage(Array(Self.responseV4.prefix(count))) == nil, "\(count)")
        }
        #expect(STUNMessage(Self.responseV4 + [0]) == nil)
    }

    @Test(arguments: [(0, 0x80), (4, 0x20), (3, 0x3D), (22, 0xFF)])
    func aBrokenHeaderIsRefused(position: Int, byte: Int) {
        var bytes = Self.responseV4
        bytes[position] = UInt8(byte)
        #expect(STUNMessage(bytes) == nil)
    }

    @Test(arguments: [[], [0, 1, 0, 0], [0, 2, 0, 0, 1, 2, 3, 4], [0, 3, 0, 0, 1, 2, 3, 4]] as [[UInt8]])
    func aMalformedAddressIsNone(value: [UInt8]) {
        var message = STUNMessage(type: STUNMessage.bindingSuccess, transaction: Self.transaction)
        message.attributes.append(.init(type: 0x20, value: value))
        #expect(message.reflexiveAddress == nil)
    }
}
