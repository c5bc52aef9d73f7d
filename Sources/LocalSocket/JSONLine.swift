// One message of a local socket: a JSON object on a line of its own. No I/O.
import FoundationEssentials

package enum JSONLine {
    /// One line, newline included.
    package static func encode(_ message: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        var line = [UInt8](try encoder.encode(message))
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// What came is not what was agreed on: the two programs are of different releases, as a rule.
    package struct Strange: Error, CustomStringConvertible {
        package var description: String {
            "what came is not a message of this release; check that the gate and its programs have the same release"
        }
    }

    /// Decodes one line, with or without its newline. Throws `Strange`.
    package static func decode<Message: Decodable>(
        _ type: Message.Type, from line: some Collection<UInt8>
    ) throws -> Message {
        do { return try JSONDecoder().decode(type, from: Data(line)) } catch { throw Strange() }
    }
}
