// The strict text forms of addresses, with the platform's inet_pton and inet_ntop as independent judges.
import Admission
import Foundation
import Testing

@Suite struct IPAddressTests {
    @Test(
        "reads an address and writes it canonically",
        arguments: [
            ("20.21.208.105", "20.21.208.105"), ("0.0.0.0", "0.0.0.0"),
            ("255.255.255.255", "255.255.255.255"),
            ("::", "::"), ("::1", "::1"), ("2001:DB8::1", "2001:db8::1"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("1::", "1::"), ("fe80::1", "fe80::1"),
            ("::ffff:20.21.208.105", "20.21.208.105"), ("::FFFF:20.21.208.105", "20.21.208.105"),
            ("::ffff:1415:d069", "20.21.208.105"), ("0:0:0:0:0:ffff:20.21.208.105", "20.21.208.105"),
            ("0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255"),
            // Neither IPv4-compatible nor translated nor 6to4 addresses are IPv4.
            ("::20.21.208.105", "::1415:d069"), ("64:ff9b::20.21.208.105", "64:ff9b::1415:d069"),
            ("2002:1415:d069::", "2002:1415:d069::"), ("::ffff:0:20.21.208.105", "::ffff:0:1415:d069"),
        ] as [(String, String)])
    func readsAndWrites(_ text: String, _ canonical: String) throws {
        #expect(try IPAddress(text).description == canonical)
        #expect(try IPAddress(canonical) == IPAddress(text))
    }

    @Test(
        "refuses what is not strictly an address",
        arguments: [
            "", " ", "20.21.208.105 ", " 20.21.208.105", "20.21.208.105\n", "20.21.208.105\0", "\t1.2.3.4",
            "020.21.208.105", "20.21.208.0105", "00.0.0.0", "1.2.3.00", "0x14.21.208.105", "0x1415d069",
            "336973929", "20.21.53353", "20.5492841", "20.21.208", "20.21.208.105.", ".20.21.208.105",
            "20..21.208", "20.21.208.105.1", "20.21.208.256", "20.21.208.1000", "20.21.208.-1",
            "20.21.208.+1", "20,21,208,105", "20.21.208.105:80", "20.21.208.105/32", "[20.21.208.105]",
            "２０.21.208.105", "20.21.208.1٠5", "localhost", "1.2.3.4e0", "1.2.3.4\r\n", "1.2.3.4%eth0",
            ":", ":::", "::1::", "1::2::3", ":1", "1:", ":1::", "1::2:", "12345::", "::g", "::1%eth0",
            "fe80::1%1",
            "[::1]", "[::1]:80", "::1/128", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "::ffff:1.2.3", "::ffff:1.2.3.04", "::ffff:1.2.3.4.5",
            "::1.2.3.4:1", "1.2.3.4::", "::ffff:1.2.3.256", "::ffff:0x1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4",
            "00000::1", "::-1", "::+1", ":: 1", "::1\u{0}",
            "0000:0000:0000:0000:0000:0000:0000:00001",
        ] as [String])
    func refuses(_ text: String) { expectRefusal(text) }

    @Test("refuses a long text with a short message", arguments: ["1", ":"])
    func refusesLongText(_ piece: String) { expectRefusal(String(repeating: piece, count: 100_000)) }

    private func expectRefusal(_ text: String) {
        let error = #expect(throws: AddressError.self) { try IPAddress(text) }
        #expect(error?.code == .badAddress)
        #expect(error.map { $0.message.utf8.count < 400 } == true)
    }

    @Test("an error message carries no control characters from outside")
    func escapesInErrors() throws {
        let error = #expect(throws: AddressError.self) { try IPAddress("1.2.3.4\r\n\u{1B}[31m\u{202E}é") }
        let message = try #require(error?.message)
        #expect(message.contains(#""1.2.3.4\u{D}\u{A}\u{1B}[31m\u{202E}\u{E9}""#))
        #expect(message.unicodeScalars.allSatisfy { (0x20...0x7E).contains($0.value) })
    }

    @Test("reads exactly what inet_pton reads")
    func agreesWithPlatform() throws {
        var random = SeededGenerator(seed: 1)
        let alphabet = Array("0123456789abcdefF:::...gx% /[".utf8)
        var valid = 0
        for _ in 0..<60_000 {
            var text = random.bytes(count: Int.random(in: 1...20, using: &random), often: alphabet)
            if Bool.random(using: &random) {
                // Start from a valid text and change a little: far more likely to hit an edge.
                text = Array(try random.ip().description.utf8)
                for _ in 0..<Int.random(in: 0...2, using: &random) {
                    let at = Int.random(in: 0...text.count, using: &random)
                    if Bool.random(using: &random), at < text.count {
                        text.remove(at: at)
                    } else if let byte = alphabet.randomElement(using: &random) {
                        text.insert(byte, at: at)
                    }
                }
            }
            text.removeAll { $0 == 0 || $0 >= 0x80 }
            let string = String(decoding: text, as: UTF8.self)
            let expected = platformRead(string).flatMap { IPAddress(bytes: $0) }
            #expect((try? IPAddress(string)) == expected, "\(string)")
            if expected != nil { valid += 1 }
        }
        #expect(valid > 5_000)
    }

    @Test("writes what inet_ntop writes, and reads it back")
    func roundTrips() throws {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let ip = try random.ip()
            #expect(try IPAddress(ip.description) == ip)
            #expect(IPAddress(bytes: ip.bytes) == ip)
            #expect(ip.bytes.count == (ip.isIPv4 ? 4 : 16))
            // inet_ntop writes ::/96 as IPv4-compatible, which RFC 5952 does not ask for.
            if ip.isIPv4 || ip.bytes.prefix(12) != ArraySlice(repeating: 0, count: 12) {
                #expect(platformWrite(ip.bytes) == ip.description)
            }
        }
    }

    @Test("a mapped address is the IPv4 address in every respect")
    func folds() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<2_000 {
            let v4 = random.bytes(count: 4)
            let plain = try #require(IPAddress(bytes: v4))
            let mapped = try #require(IPAddress(bytes: [UInt8](repeating: 0, count: 10) + [255, 255] + v4))
            #expect(mapped == plain && mapped.hashValue == plain.hashValue)
            #expect(mapped.isIPv4 && mapped.bytes == v4)
            #expect(try IPAddress("::ffff:\(plain)") == plain)
        }
    }

    @Test("bytes of any other count are no address", arguments: [0, 1, 3, 5, 15, 17, 32])
    func refusesOddCounts(_ count: Int) {
        #expect(IPAddress(bytes: [UInt8](repeating: 1, count: count)) == nil)
    }

    @Test("orders IPv4 before IPv6, each by value")
    func orders() throws {
        let sorted = [
            "0.0.0.0", "1.2.3.4", "10.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::", "ffff::",
        ]
        #expect(try sorted.reversed().map { try ip($0) }.sorted().map(\.description) == sorted)
    }

    @Test(
        "knows private ranges to their last address",
        arguments: [
            ("10.0.0.0", true), ("10.255.255.255", true), ("9.255.255.255", false), ("11.0.0.0", false),
            ("172.16.0.0", true), ("172.31.255.255", true), ("172.15.255.255", false), ("172.32.0.0", false),
            ("192.168.0.0", true), ("192.168.255.255", true), ("192.167.255.255", false),
            ("192.169.0.0", false), ("127.0.0.1", true), ("127.255.255.255", true), ("128.0.0.0", false),
            ("169.254.0.0", true), ("169.254.255.255", true), ("169.253.255.255", false),
            ("169.255.0.0", false), ("100.64.0.0", true), ("100.127.255.255", true),
            ("100.63.255.255", false), ("100.128.0.0", false), ("20.21.208.105", false),
            ("::1", true), ("::", false), ("::2", false), ("fe80::", true),
            ("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true), ("fec0::", false), ("fe7f::", false),
            ("fc00::", true), ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true), ("fe00::", false),
            ("fbff::", false), ("::ffff:10.1.2.3", true), ("::10.1.2.3", false), ("2001:db8::1", false),
        ] as [(String, Bool)])
    func knowsPrivate(_ text: String, _ isPrivate: Bool) throws {
        #expect(try ip(text).isPrivate == isPrivate)
    }

    @Test("is coded as its text")
    func codes() throws {
        let json = try JSONEncoder().encode([ip("::ffff:1.2.3.4"), ip("2001:DB8::")])
        #expect(String(decoding: json, as: UTF8.self) == #"["1.2.3.4","2001:db8::"]"#)
        #expect(try JSONDecoder().decode([IPAddress].self, from: json) == [ip("1.2.3.4"), ip("2001:db8::")])
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode([IPAddress].self, from: Data(#"["01.2.3.4"]"#.utf8))
        }
    }

    @Test(arguments: [
        ("20.21.208.105", "20.21.208.105", 32), ("20.21.208.105", "20.21.208.104", 31),
        ("20.21.208.105", "148.21.208.105", 0), ("10.0.0.0", "10.255.0.0", 8),
        ("2001:db8::1", "2001:db8::1", 128),
        ("2001:db8::1", "2001:db8::3", 126), ("8000::", "::", 0),
    ])
    func sayHowManyBitsTheyShare(_ a: String, _ b: String, _ bits: Int) throws {
        #expect(try IPAddress(a).commonBits(with: IPAddress(b)) == bits)
        #expect(try IPAddress(b).commonBits(with: IPAddress(a)) == bits)
    }

    @Test func addressesOfTwoFamiliesShareNothing() throws {
        #expect(try IPAddress("0.0.0.1").commonBits(with: IPAddress("::1")) == nil)
    }

    @Test func loopbackAndLinkLocalAreToldFromTheRest() throws {
        for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            #expect(try IPAddress(text).isLoopback)
        }
        for text in ["128.0.0.1", "::2", "::", "0.0.0.0", "::7f00:1"] {
            #expect(try !IPAddress(text).isLoopback)
        }
        for text in ["169.254.0.1", "fe80::1", "febf::1"] { #expect(try IPAddress(text).isLinkLocal) }
        for text in ["169.255.0.1", "fec0::1", "10.0.0.1"] { #expect(try !IPAddress(text).isLinkLocal) }
    }
}

private func platformRead(_ text: String) -> [UInt8]? {
    var v4 = in_addr()
    if inet_pton(AF_INET, text, &v4) == 1 { return withUnsafeBytes(of: v4) { Array($0) } }
    var v6 = in6_addr()
    return inet_pton(AF_INET6, text, &v6) == 1 ? withUnsafeBytes(of: v6) { Array($0) } : nil
}

private func platformWrite(_ bytes: [UInt8]) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &buffer, socklen_t(buffer.count)) != nil
    else {
        return nil
    }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
