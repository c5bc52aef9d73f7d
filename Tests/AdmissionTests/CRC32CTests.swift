// The checksum against the vectors of RFC 3720 appendix B.4.
import Testing

@testable import Admission

@Suite struct CRC32CTests {
    static let vectors: [(bytes: [UInt8], checksum: UInt32)] = [
        ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
        ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
        ([UInt8](0..<32), 0x46DD_794E),
        ([UInt8]((0..<32).reversed()), 0x113F_DB5C),
        ([UInt8]("123456789".utf8), 0xE306_9283),
        ([], 0),
    ]

    @Test("computes the published vectors", arguments: vectors)
    func computes(_ vector: (bytes: [UInt8], checksum: UInt32)) {
        #expect(CRC32C.checksum(vector.bytes) == vector.checksum)
    }
}
