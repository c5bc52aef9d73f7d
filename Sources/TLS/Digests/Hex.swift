// Bytes as hexadecimal digits, and back. Here, and not in `Files`: what is written so is a digest, a key or a secret, and
// whoever has one imports this; pure targets may.

package enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Two digits a byte, lower case.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.underestimatedCount)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// 0 to 15 for a digit of either case; nil for any other byte.
    package static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
