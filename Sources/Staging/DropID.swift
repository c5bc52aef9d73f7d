// Drop identifiers: 26 characters of lower-case Crockford base32, 48 bits of milliseconds and 80 random bits,
// so that they sort by time and never collide (the layout of a ULID).

import TLS

/// OpenSSL's generator: the system's own would be a system call for each number.
private struct LibraryRandom: RandomNumberGenerator {
    func next() -> UInt64 { RandomBytes.number() }
}

package enum DropID {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// A new identifier. `milliseconds` since the epoch.
    package static func make(milliseconds: Int64, using generator: inout some RandomNumberGenerator) -> String
    {
        let time = UInt128(UInt64(max(0, milliseconds)) & 0xFFFF_FFFF_FFFF)
        let high: UInt64 = generator.next()
        let low: UInt64 = generator.next()
        var value = time << 80 | UInt128(high & 0xFFFF) << 64 | UInt128(low)
        return String(unsafeUninitializedCapacity: 26) { buffer in
            for index in stride(from: 25, through: 0, by: -1) {
                buffer[index] = alphabet[Int(value & 31)]
                value >>= 5
            }
            return 26
        }
    }

    package static func make(milliseconds: Int64) -> String {
        var generator = LibraryRandom()
        return make(milliseconds: milliseconds, using: &generator)
    }

    /// Whether a text could have come from `make`.
    package static func isValid(_ text: String) -> Bool {
        text.utf8.count == 26 && text.utf8.allSatisfy(alphabet.contains)
    }

    /// The milliseconds since the epoch in an identifier; nil for another text.
    package static func milliseconds(_ id: String) -> Int64? {
        guard isValid(id) else { return nil }
        // Ten characters of five bits are the upper 50 of 130, and the first two of those are no part of the number.
        return id.utf8.prefix(10).reduce(0) { time, character in
            time << 5 | Int64(alphabet.firstIndex(of: character) ?? 0)
        }
    }

    /// Whether a text could be the first characters of an identifier, and not all of them.
    package static func isBeginning(_ text: String) -> Bool {
        (1..<26).contains(text.utf8.count) && text.utf8.allSatisfy(alphabet.contains)
    }
}
