// A run of entries with all that proves them: what an auditor gets. `Deploy/verify-bundle.py` is the other reader.
package import Admission
import Files
import Foundation
package import JSON
import TLS

/// Writes a bundle into a directory:
///
///     manifest.json   format, origin, key, first, last, size, entries_sha256, time, policies, policies_missing,
///                     policies_damaged
///     entries.jsonl   the canonical bytes of entries first to last, one a line
///     proof.txt       "HEIGHT INDEX BASE64": perfect subtrees over all entries of the tree that are not in the bundle
///     checkpoint      the signed note of the tree
///     policies/       the source lists that these entries name, each as HEX.txt of its version `sha256:HEX`
///
/// The leaves of entries.jsonl and the nodes of proof.txt give the checkpoint's root.
package struct LedgerBundle {
    package static let format = "dropgate-ledger-bundle@v1"

    /// What was written.
    package typealias Written = (manifest: JSONValue, damagedLists: [KeptLists.Damage])

    private let reader: any LedgerReading
    private let archive: PolicyArchive

    /// - Parameter policies: of the same ledger.
    package init(_ reader: any LedgerReading, policies: PolicyArchive) {
        self.reader = reader
        archive = policies
    }

    /// The directory appears whole, under its name, or not at all.
    /// - Parameters:
    ///   - range: not empty, and below the checkpoint's size.
    ///   - directory: an absolute path where nothing is yet.
    package func write(
        _ range: Range<Int64>, checkpoint: SignedCheckpoint, key: NoteVerifier, to directory: String,
        now: Instant,
        progress: (_ done: Int64, _ of: Int64) -> Void
    ) throws -> Written {
        let temporary = "\(directory).\(getpid()).new"
        guard mkdir(temporary, 0o700) == 0 else {
            throw LedgerError(cannot: "make", directory, .last)
        }
        do {
            let written = try fill(temporary, range, checkpoint, key, now, progress)
            do throws(SystemError) { try FileReplacement.moveDirectory(temporary, to: directory) } catch {
                throw LedgerError(cannot: "make", directory, error)
            }
            return written
        } catch {
            try? FileManager.default.removeItem(atPath: temporary)
            throw error
        }
    }

    private func fill(
        _ directory: String, _ range: Range<Int64>, _ checkpoint: SignedCheckpoint, _ key: NoteVerifier,
        _ now: Instant, _ progress: (_ done: Int64, _ of: Int64) -> Void
    ) throws -> Written {
        let head = checkpoint.checkpoint
        var versions: Set<String> = []
        let digest = try writeEntries(range, to: "\(directory)/entries.jsonl", &versions, progress)
        let policies = try writePolicies(versions.sorted(), to: "\(directory)/policies")
        let damage =
            try policies.missing.isEmpty
            ? []
            : archive.damage(promised: reader.promisedLists(since: nil)).filter {
                policies.missing.contains($0.version)
            }
        let proof = try reader.withTree { tree in
            let ranges =
                MerkleRange.perfect(0..<range.lowerBound) + MerkleRange.perfect(range.upperBound..<head.size)
            return try ranges.map { node in
                "\(node.height) \(node.index) \(try tree.node(height: node.height, index: node.index).base64)\n"
            }.joined()
        }
        let manifest: JSONValue = [
            "format": .string(Self.format), "origin": .string(head.origin), "key": .string(key.description),
            "first": .int(range.lowerBound), "last": .int(range.upperBound - 1), "size": .int(head.size),
            "entries_sha256": .string(digest), "time": .string(now.description),
            "policies": .array(policies.kept.map(JSONValue.string)),
            "policies_missing": .array(policies.missing.map(JSONValue.string)),
            // Of those that are missing: versions that were kept, and are gone or altered.
            "policies_damaged": .array(damage.map { .string($0.version) }),
        ]
        try Self.write(proof, to: "\(directory)/proof.txt")
        try Self.write(checkpoint.note.description, to: "\(directory)/checkpoint")
        try Self.write(
            String(decoding: CanonicalJSON.encode(manifest), as: UTF8.self) + "\n",
            to: "\(directory)/manifest.json")
        return (manifest, damage)
    }

    private func writeEntries(
        _ range: Range<Int64>, to path: String, _ versions: inout Set<String>,
        _ progress: (Int64, Int64) -> Void
    ) throws -> String {
        try Self.make(path) { descriptor in
            var hash = SHA256()
            var buffer: [UInt8] = []
            func flush() throws {
                hash.update(data: buffer)
                try SystemCall.write(buffer, to: descriptor)
                buffer.removeAll(keepingCapacity: true)
            }
            try reader.forEachEntry(range) { seq, json in
                if let version = Self.policy(json), versions.count < Self.mostPolicies {
                    versions.insert(version)
                }
                buffer += json
                buffer.append(0x0A)
                if buffer.count > 1 << 20 { try flush() }
                if seq & 0xFFF == 0 { progress(seq - range.lowerBound, Int64(range.count)) }
            }
            try flush()
            return hash.digestSoFar().hex
        }
    }

    /// More lists than somebody changes by hand in years; it bounds what is kept in memory.
    private static let mostPolicies = 100_000

    /// The version of the lists that an entry names.
    private static func policy(_ json: [UInt8]) -> String? {
        json.withUnsafeBytes { EntryScan($0)?.policy.map { String(decoding: $0, as: UTF8.self) } }
    }

    private func writePolicies(_ versions: [String], to directory: String) throws -> (
        kept: [String], missing: [String]
    ) {
        guard mkdir(directory, 0o700) == 0 else {
            throw LedgerError(cannot: "make", directory, .last)
        }
        var (kept, missing): ([String], [String]) = ([], [])
        for version in versions {
            guard let name = PolicyArchive.fileName(version), let text = archive.text(version) else {
                missing.append(version)
                continue
            }
            try Self.make("\(directory)/\(name)") { try SystemCall.write(text, to: $0) }
            kept.append(version)
        }
        do throws(SystemError) { try FileReplacement.sync(directory, flags: O_RDONLY | O_DIRECTORY) } catch {
            throw LedgerError(cannot: "sync", directory, error)
        }
        return (kept, missing)
    }

    private static func write(_ text: String, to path: String) throws {
        try make(path) { try SystemCall.write(Array(text.utf8), to: $0) }
    }

    /// Makes a new file, 0600; what it holds is durable when it returns.
    private static func make<Value>(_ path: String, _ fill: (_ descriptor: Int32) throws -> Value) throws
        -> Value
    {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw LedgerError(cannot: "make", path, .last)
        }
        defer { close(descriptor) }
        do {
            let value = try fill(descriptor)
            guard fsync(descriptor) == 0 else { throw SystemError.last }
            return value
        } catch let error as SystemError {
            throw LedgerError(cannot: "write", path, error)
        }
    }
}
