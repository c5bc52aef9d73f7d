// The PROXY header's bytes against vectors written by hand from the specification, and against the gate's own parser.
import Admission
import Reachability
import Testing

@Suite struct ProxyHeaderWriterTests {
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    private func endpoint(_ ip: String, _ port: UInt16) throws -> Endpoint {
        Endpoint(ip: try IPAddress(ip), port: port)
    }

    @Test func version1OverIPv4() throws {
        let header = ProxyHeaderWriter.bytes(
            .v1, source: try endpoint("20.21.208.105", 40112), destination: try endpoint("10.0.0.5", 8443))
        #expect(
            String(decoding: header, as: UTF8.self) == "PROXY TCP4 20.21.208.105 10.0.0.5 40112 8443\r\n")
    }

    @Test func version1OverIPv6() throws {
        let header = ProxyHeaderWriter.bytes(
            .v1, source: try endpoint("2001:db8::1", 1), destination: try endpoint("2001:db8::2", 65535))
        #expect(String(decoding: header, as: UTF8.self) == "PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n")
    }

    @Test func version2OverIPv4() throws {
        let header = ProxyHeaderWriter.bytes(
            .v2, source: try endpoint("20.21.208.105", 0x9CB0), destination: try endpoint("127.0.0.1", 0x20FB)
        )
        #expect(
            header == Self.signature + [
                0x21, 0x11, 0x00, 0x0C, 20, 21, 208, 105, 127, 0, 0, 1, 0x9C, 0xB0, 0x20, 0xFB,
            ])
    }

    @Test func version2OverIPv6() throws {
        let header = ProxyHeaderWriter.bytes(
            .v2, source: try endpoint("2001:db8::1", 1), destination: try endpoint("::1", 256))
        let source: [UInt8] = [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        let destination: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        #expect(
            header == Self.signature + [0x21, 0x21, 0x00, 0x24] + source + destination + [0, 1, 1, 0])
    }

    @Test(arguments: ProxyProtocolVersion.allCases) func mixedFamiliesAreWrittenAsIPv6(
        _ version: ProxyProtocolVersion
    ) throws {
        let header = ProxyHeaderWriter.bytes(
            version, source: try endpoint("2001:db8::1", 7), destination: try endpoint("10.0.0.5", 8))
        var parser = ProxyHeaderParser()
        #expect(
            try parser.feed(header)
                == .complete(
                    .proxied(
                        source: try endpoint("2001:db8::1", 7), destination: try endpoint("10.0.0.5", 8)),
                    surplus: []))
    }
}
