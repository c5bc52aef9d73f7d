// The fields of SFTP packets: what is written is read again, and no bytes of a server can do harm.
import Testing

@testable import Reachability

@Suite struct SFTPPacketTests {
    @Test func fieldsComeBack() throws {
        var writer = SFTPWriter()
        writer.byte(7)
        writer.number(0xFFFF_FFFE)
        writer.long(1 << 40)
        writer.string("näme".utf8)
        #expect(writer.bytes.prefix(5) == [7, 0xFF, 0xFF, 0xFF, 0xFE])
        var reader = SFTPReader(writer.bytes)
        #expect(try reader.byte() == 7)
        #expect(try reader.number() == 0xFFFF_FFFE)
        #expect(try reader.long() == 1 << 40)
        #expect(try reader.string() == Array("näme".utf8))
        #expect(throws: SFTPError.self) { try reader.byte() }
    }

    @Test func attributesOfEveryKindAreSteppedOver() throws {
        var writer = SFTPWriter()
        writer.number(0x8000_000F)
        writer.long(12345)
        for _ in 0..<5 { writer.number(1) }
        writer.number(1)
        writer.string("type".utf8)
        writer.string("value".utf8)
        writer.byte(42)
        var reader = SFTPReader(writer.bytes)
        #expect(try reader.size() == 12345)
        #expect(try reader.byte() == 42)
    }

    @Test func randomBytesEndInAnErrorOrAValue() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0..<64)).map { _ in UInt8.random(in: 0...255, using: &random) }
            var reader = SFTPReader(bytes)
            _ = try? reader.size()
            _ = try? reader.string()
            _ = try? reader.long()
        }
    }

    @Test func refusalsAreTold() {
        #expect(
            "\(SFTPError.status(code: 4, text: "this account was disabled"))"
                == "status 4: this account was disabled")
        #expect("\(SFTPError.status(code: 3, text: ""))" == "status 3 (permission denied)")
        #expect("\(SFTPError.ended(""))" == "the server ended the session")
    }

    private func listing(_ names: [String]) -> SFTPReader {
        var writer = SFTPWriter()
        writer.number(UInt32(names.count))
        for name in names {
            writer.string(name.utf8)
            writer.string("long".utf8)
            writer.number(0)
        }
        return SFTPReader(writer.bytes)
    }

    @Test func aListingIsBoundedByAllThatCame() throws {
        var listing = SFTPListing(limit: 6)
        let long = String(repeating: "a", count: 256)
        var first = self.listing([".", "..", "a", long, String(long.dropLast())])
        try listing.take(&first)
        #expect(listing.names == ["a", String(long.dropLast())])
        #expect(!listing.isFull)
        var second = self.listing([".", "b"])
        try listing.take(&second)
        #expect(listing.isFull)
        #expect(listing.names.count == 2)
        var none = self.listing([])
        #expect(throws: SFTPError.self) { try listing.take(&none) }
    }
}
