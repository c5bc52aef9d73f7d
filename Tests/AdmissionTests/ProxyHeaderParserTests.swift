// PROXY headers of both versions: every split, every limit, and what must be refused.
import Admission
import Testing

@Suite struct ProxyHeaderParserTests {
    @Test(
        "version 1: reads what the specification allows",
        arguments: [
            ("PROXY TCP4 20.21.208.105 10.0.0.1 56324 443\r\n", "20.21.208.105:56324"),
            ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", "1.2.3.4:0"),
            ("PROXY TCP6 2001:db8::1 ::1 56324 443\r\n", "[2001:db8::1]:56324"),
            ("PROXY TCP6 ::ffff:20.21.208.105 ::ffff:10.0.0.1 1 2\r\n", "20.21.208.105:1"),
            (
                "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
                    + "65535\r\n", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"
            ),
            ("PROXY UNKNOWN\r\n", nil), ("PROXY UNKNOWN \r\n", nil),
            (
                "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
                    + "65535\r\n", nil
            ),
        ] as [(String, String?)])
    func readsVersion1(_ text: String, _ source: String?) throws {
        let header = try complete(Array(text.utf8))
        if let source {
            #expect(sourceOf(header)?.description == source)
        } else {
            #expect(header == .unknown)
        }
    }

    @Test(
        "version 1: refuses anything else",
        arguments: [
            "PROXY TCP4 20.21.208.105 10.0.0.1 56324 443\n",
            "PROXY TCP4 20.21.208.105 10.0.0.1 56324 443\r\r\n",
            "PROXY TCP4 20.21.208.105 10.0.0.1 56324 443\rX",
            "PROXY TCP4 20.21.208.105 10.0.0.1 56324 443 \r\n",
            "PROXY TCP4  20.21.208.105 10.0.0.1 56324 443\r\n", "PROXY TCP4 20.21.208.105 10.0.0.1 56324\r\n",
            "PROXY TCP4 20.21.208.105 10.0.0.1 056324 443\r\n",
            "PROXY TCP4 20.21.208.105 10.0.0.1 1 0443\r\n",
            "PROXY TCP4 20.21.208.105 10.0.0.1 65536 443\r\n", "PROXY TCP4 20.21.208.105 10.0.0.1 -1 443\r\n",
            "PROXY TCP4 20.21.208.105 10.0.0.1 +1 443\r\n", "PROXY TCP4 20.21.208.105 10.0.0.1 1 443 5\r\n",
            "PROXY TCP4 020.21.208.105 10.0.0.1 1 443\r\n", "PROXY TCP4 20.21.208 10.0.0.1 1 443\r\n",
            "PROXY TCP4 2001:db8::1 ::1 1 443\r\n", "PROXY TCP6 20.21.208.105 10.0.0.1 1 443\r\n",
            "PROXY TCP6 2001:db8::1 10.0.0.1 1 443\r\n", "PROXY TCP6 fe80::1%eth0 ::1 1 443\r\n",
            "PROXY TCP6 [2001:db8::1] ::1 1 443\r\n", "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY \r\n",
            "PROXY UNKNOWNX\r\n", "PROXY\tTCP4 1.2.3.4 5.6.7.8 1 2\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\0\r\n",
            "PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.é 1 2\r\n",
            "PROXY UNKNOWN \0\r\n",
            "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", " PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXYTCP4",
            "PROXX ",
            "GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "\u{16}\u{3}\u{1}", "\r\n\r\n\0\r\nQUIX", "\r\nPROXY",
            "\0",
            "PROXY UNKNOWN " + String(repeating: "x", count: 200),
            "PROXY UNKNOWN " + String(repeating: "x", count: 92) + "\r\n",
        ] as [String])
    func refusesVersion1(_ text: String) {
        #expect(throws: ProxyHeaderError.self) {
            var parser = ProxyHeaderParser()
            _ = try parser.feed(Array(text.utf8))
        }
    }

    @Test("version 1: 107 bytes are read, 108 are not, and the refusal waits for nothing")
    func boundsVersion1() throws {
        let longest = "PROXY UNKNOWN " + String(repeating: "x", count: 107 - 14 - 2) + "\r\n"
        #expect(longest.utf8.count == 107)
        #expect(try complete(Array(longest.utf8)) == .unknown)
        var parser = ProxyHeaderParser()
        let start = Array(("PROXY UNKNOWN " + String(repeating: "x", count: 107 - 14 - 1)).utf8)
        #expect(try parser.feed(start) == .needsMore)
        let error = #expect(throws: ProxyHeaderError.self) { try parser.feed([UInt8(ascii: "x")]) }
        #expect(error?.code == .tooLong)
    }

    @Test("a connection that begins with anything else fails at the first wrong byte")
    func failsEarly() throws {
        for byte in UInt8.min...UInt8.max where byte != 0x0D && byte != 0x50 {
            var parser = ProxyHeaderParser()
            let error = #expect(throws: ProxyHeaderError.self) { try parser.feed([byte]) }
            #expect(error?.code == .missing)
        }
    }

    @Test("version 2: reads IPv4 and IPv6, and folds mapped addresses")
    func readsVersion2() throws {
        #expect(
            try complete(Version2().bytes)
                == .proxied(source: endpoint("20.21.208.105", 56324), destination: endpoint("10.0.0.1", 443)))
        let v6 = try Version2(family: 0x21, block: ip("2001:db8::1").bytes + ip("::1").bytes + [0, 1, 0, 2])
        #expect(
            try complete(v6.bytes)
                == .proxied(source: endpoint("2001:db8::1", 1), destination: endpoint("::1", 2)))
        let mapped = [UInt8](repeating: 0, count: 10) + [255, 255, 20, 21, 208, 105]
        let folded = Version2(family: 0x21, block: mapped + mapped + [0, 1, 0, 2])
        #expect(try sourceOf(complete(folded.bytes)) == endpoint("20.21.208.105", 1))
    }

    @Test(
        "version 2: LOCAL is local, whatever it carries",
        arguments: [(UInt8(0x00), 0), (0x11, 0), (0x11, 12), (0x21, 5), (0xFF, 40)] as [(UInt8, Int)])
    func readsLocal(_ family: UInt8, _ length: Int) throws {
        let header = Version2(command: 0x20, family: family, block: [UInt8](repeating: 0xEE, count: length))
        #expect(try complete(header.bytes) == .local)
    }

    @Test(
        "version 2: what names no TCP source is unknown",
        arguments: [
            (UInt8(0x00), 0), (0x01, 0), (0x02, 0), (0x10, 12), (0x12, 12), (0x20, 36), (0x22, 36),
            (0x31, 216), (0x32, 216),
        ] as [(UInt8, Int)])
    func readsUnknown(_ family: UInt8, _ length: Int) throws {
        let header = Version2(family: family, block: [UInt8](repeating: 1, count: length))
        #expect(try complete(header.bytes) == .unknown)
    }

    @Test("version 2: fields behind the addresses are walked and not part of the surplus")
    func walksFields() throws {
        var header = Version2()
        header.fields = [4, 0, 0, 1, 0, 2, 0x68, 0x32, 0xEA, 0, 1, 7]
        for surplus in [[], [1], Array("SSH-2.0-x\r\n".utf8)] as [[UInt8]] {
            var parser = ProxyHeaderParser()
            let step = try parser.feed(header.bytes + surplus)
            guard case .complete(let read, let rest) = step else {
                Issue.record("not complete")
                continue
            }
            #expect(try sourceOf(read) == endpoint("20.21.208.105", 56324))
            #expect(rest == surplus)
        }
    }

    @Test("version 2: refuses reserved values, short blocks and fields that overrun")
    func refusesVersion2() throws {
        var cases: [(String, Version2)] = []
        for command: UInt8 in [0x01, 0x11, 0x22, 0x2F, 0x31, 0xF1] {
            cases.append(("command", Version2(command: command)))
        }
        for family: UInt8 in [0x41, 0x13, 0x1F, 0xF1, 0x03, 0xFF] {
            cases.append(("family", Version2(family: family)))
        }
        for count in 0..<12 { cases.append(("short", Version2(block: [UInt8](repeating: 1, count: count)))) }
        for count in [12, 35] {
            cases.append(("short v6", Version2(family: 0x21, block: [UInt8](repeating: 1, count: count))))
        }
        cases.append(("short unix", Version2(family: 0x31, block: [UInt8](repeating: 1, count: 215))))
        for fields: [UInt8] in [
            [4], [4, 0], [4, 0, 1], [4, 0xFF, 0xFF], [4, 0, 0, 4], [4, 0, 2, 1], [3, 0, 3, 1, 2, 3],
        ] {
            cases.append(("fields \(fields)", Version2(fields: fields)))
        }
        for (name, header) in cases {
            let error = #expect(throws: ProxyHeaderError.self, "\(name)") {
                var parser = ProxyHeaderParser()
                _ = try parser.feed(header.bytes)
            }
            #expect(error?.code == .malformed, "\(name)")
        }
    }

    @Test("version 2: the length is bounded before anything of it is read")
    func boundsVersion2() throws {
        var header = Version2()
        header.fields =
            [4, UInt8((4096 - 15) >> 8), UInt8((4096 - 15) & 255)] + [UInt8](repeating: 0, count: 4096 - 15)
        #expect(header.bytes.count == 16 + 4096)
        #expect(try sourceOf(complete(header.bytes)) == endpoint("20.21.208.105", 56324))
        for length in [4097, 65535] {
            var parser = ProxyHeaderParser()
            let fixed = Version2().bytes.prefix(14) + [UInt8(length >> 8), UInt8(length & 255)]
            let error = #expect(throws: ProxyHeaderError.self) { try parser.feed(fixed) }
            #expect(error?.code == .tooLong)
        }
    }

    @Test("version 2: a checksum is checked when it is there")
    func checksChecksum() throws {
        let sealed = Version2(fields: [4, 0, 1, 9]).sealed()
        #expect(try sourceOf(complete(sealed)) == endpoint("20.21.208.105", 56324))
        for bit in 0..<(sealed.count * 8) {
            var damaged = sealed
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            var parser = ProxyHeaderParser()
            // Nothing with a wrong bit names a source. LOCAL and a dropped checksum type aside, it throws.
            guard let step = try? parser.feed(damaged), case .complete(let header, _) = step else { continue }
            let isOtherField = bit / 8 == sealed.count - 7
            #expect(sourceOf(header) == nil || isOtherField, "bit \(bit)")
        }
        var wrong = sealed
        wrong[wrong.count - 1] ^= 1
        var parser = ProxyHeaderParser()
        let error = #expect(throws: ProxyHeaderError.self) { try parser.feed(wrong) }
        #expect(error?.code == .checksum)
    }

    @Test("version 2: two checksums or one of another length are malformed")
    func refusesOddChecksums() throws {
        for fields: [UInt8] in [
            [3, 0, 0], [3, 0, 5, 0, 0, 0, 0, 0], [3, 0, 4, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0],
        ] {
            var parser = ProxyHeaderParser()
            let error = #expect(throws: ProxyHeaderError.self) {
                try parser.feed(Version2(fields: fields).bytes)
            }
            #expect(error?.code == .malformed)
        }
    }

    @Test("reads the same at every split, and byte by byte")
    func readsEverySplit() throws {
        let surplus = Array("SSH-2.0-OpenSSH\r\n\0\u{1}".utf8)
        let headers: [[UInt8]] = [
            Array("PROXY TCP4 20.21.208.105 10.0.0.1 56324 443\r\n".utf8), Array("PROXY UNKNOWN\r\n".utf8),
            Array("PROXY TCP6 2001:db8::1 ::1 56324 443\r\n".utf8), Version2().bytes,
            Version2(fields: [4, 0, 1, 9]).sealed(), Version2(command: 0x20, family: 0, block: []).bytes,
        ]
        for bytes in headers {
            let whole = try complete(bytes)
            let all = bytes + surplus
            for first in 0...all.count {
                for second in first...all.count {
                    let parts = [all[..<first], all[first..<second], all[second...]]
                    #expect(try read(parts) == Outcome(header: whole, rest: surplus))
                }
            }
            #expect(try read(all.map { [$0] }) == Outcome(header: whole, rest: surplus))
        }
    }

    @Test("takes nothing after it has completed or failed")
    func finishes() throws {
        var parser = ProxyHeaderParser()
        _ = try parser.feed(Version2().bytes)
        #expect(throws: ProxyHeaderError.self) { try parser.feed([1]) }
        var failed = ProxyHeaderParser()
        #expect(throws: ProxyHeaderError.self) { try failed.feed(Array("GET".utf8)) }
        let error = #expect(throws: ProxyHeaderError.self) { try failed.feed(Version2().bytes) }
        #expect(error?.code == .finished)
    }

    @Test("random and damaged bytes never crash it and never read past the bound")
    func survivesNoise() {
        var random = SeededGenerator(seed: 51)
        let starts: [[UInt8]] = [
            [], Array("PROXY ".utf8), Array("PROXY TCP4 1.2.3.4 5.6.7.8 1 2".utf8),
            Array(Version2().bytes.prefix(12)),
            Array(Version2().bytes.prefix(14)), Version2().sealed(), Array("PROXY TCP6 ::1 ::2 1 2\r\n".utf8),
        ]
        for _ in 0..<30_000 {
            var bytes = starts.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            bytes += random.bytes(
                count: Int.random(in: 0...60, using: &random),
                often: [0, 0, 1, 4, 0x20, 0x21, 0x11, 0x0D, 0x0A])
            var whole = ProxyHeaderParser()
            var single = ProxyHeaderParser()
            let atOnce = Result { try whole.feed(bytes) }
            var oneByOne = Result<ProxyHeaderParser.Step, any Error>.success(.needsMore)
            for (index, byte) in bytes.enumerated() {
                oneByOne = Result { try single.feed([byte]) }
                if case .success(.complete(let header, _)) = oneByOne {
                    oneByOne = .success(.complete(header, surplus: Array(bytes[(index + 1)...])))
                    break
                }
                if case .failure = oneByOne { break }
            }
            #expect(String(describing: atOnce) == String(describing: oneByOne))
        }
    }
}

// MARK: helpers

private struct Outcome: Equatable {
    var header: ProxyHeader
    var rest: [UInt8]
}

/// A version 2 header to be built in parts, right or wrong.
private struct Version2 {
    var command: UInt8 = 0x21
    var family: UInt8 = 0x11
    var block: [UInt8] = [20, 21, 208, 105, 10, 0, 0, 1, 0xDC, 0x04, 0x01, 0xBB]
    var fields: [UInt8] = []

    var bytes: [UInt8] {
        let length = block.count + fields.count
        return [
            13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, command, family, UInt8(length >> 8),
            UInt8(length & 255),
        ]
            + block + fields
    }

    /// With a checksum field at the end.
    func sealed() -> [UInt8] {
        var header = self
        header.fields += [3, 0, 4, 0, 0, 0, 0]
        let sum = checksum(header.bytes)
        return header.bytes.dropLast(4) + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }
    }

    /// CRC-32C by long division of the bit string, independent of the implementation under test.
    private func checksum(_ bytes: [UInt8]) -> UInt32 {
        var remainder: UInt32 = .max
        for byte in bytes {
            for bit in 0..<8 {
                let isSet = (byte >> UInt8(bit)) & 1 == 1
                let top = remainder >> 31 == 1
                remainder <<= 1
                if isSet != top { remainder ^= 0x1EDC_6F41 }
            }
        }
        var reversed: UInt32 = 0
        for bit in 0..<32 where (~remainder >> UInt32(bit)) & 1 == 1 { reversed |= 1 << UInt32(31 - bit) }
        return reversed
    }
}

private func sourceOf(_ header: ProxyHeader) -> Endpoint? {
    if case .proxied(let source, _) = header { return source }
    return nil
}

private func complete(_ bytes: [UInt8]) throws -> ProxyHeader {
    try #require(try read([bytes])).header
}

private func read(_ parts: [some Collection<UInt8>]) throws -> Outcome? {
    var parser = ProxyHeaderParser()
    var outcome: Outcome?
    for part in parts {
        if outcome != nil {
            outcome?.rest += part
        } else if case .complete(let header, let surplus) = try parser.feed(part) {
            outcome = Outcome(header: header, rest: surplus)
        }
    }
    return outcome
}
