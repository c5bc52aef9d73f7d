// The ports that the running gate has bound, as it writes them down once it listens everywhere: `{"webhook":8443,…}`. The file
// is no sign that one runs (`GatePresence` tells that): a gate that was killed leaves it.
package import Files
import JSON
package import Settings

package enum BoundPorts {
    private static let limit = 64 << 10

    /// - Parameter ports: by the listener's name.
    package static func write(_ ports: [String: UInt16], to file: String) throws {
        let members = ports.mapValues { JSONValue.int(Int64($0)) }
        try FileReplacement.write(CanonicalJSON.encode(.object(members)) + [0x0A], to: file, mode: 0o600)
    }

    /// nil: none are written down, because no gate runs, or one that does not listen everywhere yet. Throws where this process
    /// may not look.
    package static func read(_ settings: GateSettings) throws(FileError) -> [String: UInt16]? {
        let file = settings.layout.ports
        guard try Presence.check(file) else { return nil }
        let bytes = try FileReading.bytes(file, limit: limit)
        guard let members = (try? JSONValue(parsing: bytes))?.object else {
            throw FileError(message: "\(file) is not what a gate writes there")
        }
        return members.compactMapValues { $0.int.flatMap { UInt16(exactly: $0) } }
    }
}
