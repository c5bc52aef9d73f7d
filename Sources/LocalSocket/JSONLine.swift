// One message of a local socket: a JSON object on a line of its own. No I/O.
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

package enum JSONLine {
    /// One line, newline included.
    package static func encode(_ message: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        var line = [UInt8](try encoder.encode(message))
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// Decodes one line, with or without its newline.
    package static func decode<Message: Decodable>(
        _ type: Message.Type, from line: some Collection<UInt8>
    ) throws -> Message {
        try JSONDecoder().decode(type, from: Data(line))
    }
}
