// How far a forwarder has come: a small file, replaced whole, so that forwarding goes on where it stopped.
import Files
import Foundation
import JSON

/// The position of one forwarder at one target.
struct ForwardCursor: Sendable, Equatable {
    /// The target's address: a position belongs to one target.
    var target: String
    /// Entries up to this one are there. −1: none.
    var seq: Int64
    /// The leaf hash of that entry, in base64: a position belongs to one ledger. nil: none was kept (before the first entry, and by
    /// earlier releases).
    var leaf: String?
    /// Files only: the inode, and where in it the next entry goes.
    var inode: Int64?
    var size: Int64?

    init(target: String, seq: Int64) {
        self.target = target
        self.seq = seq
    }

    /// nil when there is none for this target. Throws when the file is damaged.
    static func read(_ path: String, target: String) throws -> ForwardCursor? {
        guard try Presence.check(path) else { return nil }
        let value = try JSONValue(parsing: FileReading.bytes(path, limit: FileReading.maximumSecret))
        guard value["target"]?.string == target, let seq = value["seq"]?.int else { return nil }
        var cursor = ForwardCursor(target: target, seq: seq)
        cursor.leaf = value["leaf"]?.string
        cursor.inode = value["inode"]?.int
        cursor.size = value["size"]?.int
        return cursor
    }

    /// Durable when it returns.
    func write(_ path: String) throws {
        var members: [String: JSONValue] = ["target": .string(target), "seq": .int(seq)]
        members["leaf"] = leaf.map(JSONValue.string)
        members["inode"] = inode.map(JSONValue.int)
        members["size"] = size.map(JSONValue.int)
        try FileReplacement.write(CanonicalJSON.encode(.object(members)) + [0x0A], to: path, mode: 0o600)
    }
}
