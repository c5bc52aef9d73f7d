// The inside of a JSON string with the shortest escapes (RFC 8785, section 3.2.2.2). Pure.

enum JSONEscaping {
    /// Bytes of a text that are escaped before they are appended; each may become six, which are to fit on the stack.
    private static let piece = 160
    private static let longest = 6

    /// Appends what stands between the quotation marks.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        // A native string's bytes are read where they lie.
        if text.utf8.withContiguousStorageIfAvailable({ append($0, to: &bytes) }) == nil {
            Array(text.utf8).withUnsafeBufferPointer { append($0, to: &bytes) }
        }
    }

    private static func append(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: piece * longest) { room in
            guard let written = room.baseAddress else { return }
            var start = 0
            while start < text.count {
                let end = min(start + piece, text.count)
                let part = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: text[start..<end]))
                let count = escape(part, to: written)
                bytes.append(contentsOf: UnsafeBufferPointer(start: written, count: count))
                start = end
            }
        }
    }

    /// Returns how many bytes it wrote.
    private static func escape(_ text: UnsafeRawBufferPointer, to room: UnsafeMutablePointer<UInt8>) -> Int {
        var (index, count) = (0, 0)
        while index < text.count {
            defer { index += 8 }
            if index + 8 <= text.count {
                let word = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                if isPlain(word) {
                    UnsafeMutableRawPointer(room + count).storeBytes(of: word, as: UInt64.self)
                    count += 8
                    continue
                }
            }
            // One of these eight has an escape, or they are the last.
            for byte in text[index..<min(index + 8, text.count)] { count += escape(byte, to: room + count) }
        }
        return count
    }

    /// Whether none of eight bytes has an escape: none is below 0x20, and none is a quotation mark or a backslash.
    private static func isPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        // The upper bit of a byte's place is set where that byte is below `limit`, or in a place above one where it is.
        func below(_ limit: UInt64, _ word: UInt64) -> UInt64 { (word &- ones &* limit) & ~word }
        let found = below(0x20, word) | below(1, word ^ ones &* 0x22) | below(1, word ^ ones &* 0x5C)
        return found & (ones &* 0x80) == 0
    }

    private static func escape(_ byte: UInt8, to room: UnsafeMutablePointer<UInt8>) -> Int {
        let letter: UInt8
        switch byte {
        case 0x22, 0x5C: letter = byte
        case 0x08: letter = 0x62
        case 0x09: letter = 0x74
        case 0x0A: letter = 0x6E
        case 0x0C: letter = 0x66
        case 0x0D: letter = 0x72
        case 0..<0x20: return escapeByNumber(byte, to: room)
        default:
            room[0] = byte
            return 1
        }
        room[0] = 0x5C
        room[1] = letter
        return 2
    }

    /// `\u00xx`.
    private static func escapeByNumber(_ byte: UInt8, to room: UnsafeMutablePointer<UInt8>) -> Int {
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x61 + value - 10 }
        (room[0], room[1], room[2], room[3]) = (0x5C, 0x75, 0x30, 0x30)
        (room[4], room[5]) = (digit(byte >> 4), digit(byte & 15))
        return longest
    }
}
