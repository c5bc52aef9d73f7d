// CIDR blocks: what is taken, what is a configuration error, and what lies inside.
import Admission
import Foundation
import Testing

@Suite struct CIDRBlockTests {
    @Test(
        "reads a block and writes it canonically",
        arguments: [
            ("20.21.208.105", "20.21.208.105/32"), ("20.21.208.105/32", "20.21.208.105/32"),
            ("10.0.0.0/8", "10.0.0.0/8"), ("128.0.0.0/1", "128.0.0.0/1"), ("0.0.0.0/1", "0.0.0.0/1"),
            ("::1", "::1/128"), ("2001:DB8::/32", "2001:db8::/32"), ("8000::/1", "8000::/1"),
            ("::/96", "::/96"), ("::ffff:1.2.3.0/120", "1.2.3.0/24"), ("::ffff:1.2.3.4", "1.2.3.4/32"),
            ("::ffff:1.2.3.4/128", "1.2.3.4/32"), ("::ffff:0.0.0.0/97", "0.0.0.0/1"),
            ("::ffff:a00:0/104", "10.0.0.0/8"),
        ] as [(String, String)])
    func readsAndWrites(_ text: String, _ canonical: String) throws {
        #expect(try CIDRBlock(text).description == canonical)
        #expect(try CIDRBlock(canonical) == CIDRBlock(text))
    }

    @Test(
        "refuses a block that could be misread",
        arguments: [
            ("", AddressError.Code.badAddress), ("/", .badAddress), ("/24", .badAddress),
            ("x/8", .badAddress),
            ("10.0.0/8", .badAddress), ("10/8", .badAddress), ("010.0.0.0/8", .badAddress),
            (" 10.0.0.0/8", .badAddress), ("[::1]/128", .badAddress), ("fe80::%1/64", .badAddress),
            ("10.0.0.0/", .badPrefix), ("10.0.0.0/33", .badPrefix), ("10.0.0.0/08", .badPrefix),
            ("10.0.0.0/8 ", .badPrefix), ("10.0.0.0/ 8", .badPrefix), ("10.0.0.0/-8", .badPrefix),
            ("10.0.0.0/+8", .badPrefix), ("10.0.0.0/8/8", .badPrefix), ("10.0.0.0/0x8", .badPrefix),
            ("10.0.0.0/255.0.0.0", .badPrefix), ("10.0.0.0/99999999999999999999", .badPrefix),
            ("::/129", .badPrefix), ("2001:db8::/032", .badPrefix), ("1.2.3.4/32\n", .badPrefix),
            ("0.0.0.0/0", .everything), ("1.2.3.4/0", .everything), ("::/0", .everything),
            ("2001:db8::1/0", .everything), ("::ffff:0.0.0.0/96", .everything),
            ("::ffff:0.0.0.0/95", .mappedPrefix), ("::ffff:1.2.3.0/24", .mappedPrefix),
            ("::ffff:1.2.3.4/32", .mappedPrefix), ("::ffff:1.2.3.4/0", .mappedPrefix),
            ("10.0.0.1/8", .hostBits), ("20.21.208.105/31", .hostBits), ("::1/127", .hostBits),
            ("::1/32", .hostBits), ("2001:db8::1/32", .hostBits), ("::ffff:1.2.3.4/120", .hostBits),
            ("255.255.255.255/1", .hostBits),
        ] as [(String, AddressError.Code)])
    func refuses(_ text: String, _ code: AddressError.Code) {
        let error = #expect(throws: AddressError.self) { try CIDRBlock(text) }
        #expect(error?.code == code)
    }

    @Test("says which block was meant when host bits are set")
    func suggests() throws {
        let error = #expect(throws: AddressError.self) { try CIDRBlock("::ffff:10.1.2.3/104") }
        #expect(try #require(error?.message).contains("10.0.0.0/8"))
    }

    @Test("a bare ::1 is one address, not a thirty-two bit block")
    func bareIsOne() throws {
        #expect(try !CIDRBlock("::1").contains(ip("::2")))
        #expect(try CIDRBlock("::1").prefix == 128)
    }

    @Test(
        "no IPv6 block holds an IPv4 address, not even one that spans the mapped range",
        arguments: ["::/64", "::/1", "::/80", "::/90"])
    func keepsFamiliesApart(_ text: String) throws {
        #expect(try !CIDRBlock(text).contains(ip("1.2.3.4")))
        #expect(try !CIDRBlock(text).contains(ip("::ffff:1.2.3.4")))
        #expect(try CIDRBlock(text).contains(ip("::1")))
    }

    @Test("holds exactly the addresses that share its leading bits")
    func containsAgreesWithBits() throws {
        var random = SeededGenerator(seed: 4)
        var inside = 0
        for _ in 0..<20_000 {
            let ip = try random.ip()
            let width = ip.bytes.count * 8
            let prefix = Int.random(in: 1...width, using: &random)
            var base = ip.bytes
            for bit in prefix..<width { base[bit / 8] &= ~(0x80 >> UInt8(bit % 8)) }
            let baseIP = try #require(IPAddress(bytes: base))
            // Clearing bits can turn an IPv6 address into a mapped one; that is an IPv4 block then.
            guard baseIP.isIPv4 == ip.isIPv4 else { continue }
            let block = try CIDRBlock("\(baseIP)/\(prefix)")
            #expect(block.contains(ip))
            #expect(try CIDRBlock(block.description) == block)
            // Flip one bit: inside if it lies behind the prefix.
            let bit = Int.random(in: 0..<width, using: &random)
            var other = ip.bytes
            other[bit / 8] ^= 0x80 >> UInt8(bit % 8)
            let otherIP = try #require(IPAddress(bytes: other))
            guard otherIP.isIPv4 == ip.isIPv4 else { continue }
            #expect(block.contains(otherIP) == (bit >= prefix))
            if bit >= prefix { inside += 1 }
        }
        #expect(inside > 1_000)
    }

    @Test("random text is a block or an error, never a crash")
    func survivesNoise() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<20_000 {
            let bytes = random.bytes(
                count: Int.random(in: 0...60, using: &random), often: Array("0123456789abcdef:.//:f".utf8))
            let text = String(decoding: bytes, as: UTF8.self)
            if let block = try? CIDRBlock(text) { #expect((try? CIDRBlock(block.description)) == block) }
        }
    }

    @Test("is coded as its text")
    func codes() throws {
        let json = try JSONEncoder().encode(["a": CIDRBlock("20.21.208.105")])
        let read = try JSONDecoder().decode([String: CIDRBlock].self, from: json)
        #expect(try read == ["a": CIDRBlock("20.21.208.105/32")])
    }
}
