// The rotations of the signing key that a ledger's entries tell of: what says which key is in force.
import Admission
import JSON

/// A rotation, and the entry that tells of it.
package struct RecordedRotation: Sendable, Hashable {
    package var seq: Int64
    package var rotation: KeyRotation
}

extension LedgerReading {
    /// Oldest first. Throws `LedgerError`.
    /// - Parameters:
    ///   - sealed: whether sealed entries are looked at, too: their files are unpacked and read.
    ///   - first: the number of the first entry that is looked at.
    package func keyRotations(sealed: Bool, from first: Int64 = 0) throws -> [RecordedRotation] {
        var query = LedgerQuery()
        query.kinds = [.service]
        query.reasons = [.changed]
        query.text = KeyRotation.member
        query.sealed = sealed
        query.above = first - 1
        var found: [RecordedRotation] = []
        while true {
            let page = try entries(query)
            for entry in page {
                guard let value = try? entry.value(), let rotation = KeyRotation(of: value) else { continue }
                found.append(RecordedRotation(seq: entry.seq, rotation: rotation))
            }
            guard page.count == query.limit, let last = page.last else { return found }
            query.after = last.seq
        }
    }
}

extension [RecordedRotation] {
    /// The entry that put this key in the place of another one; nil: none did, or a later one has put another in its place.
    package func entry(inForce key: NoteVerifier) -> Int64? {
        guard let last = newest(about: key), last.rotation.new == key else { return nil }
        return last.seq
    }

    /// The rotation that put another key in the place of this one; nil: it is in force, or they do not tell of it.
    package func replacement(of key: NoteVerifier) -> RecordedRotation? {
        guard let last = newest(about: key), last.rotation.new != key else { return nil }
        return last
    }

    package func newest(about key: NoteVerifier) -> RecordedRotation? {
        self.last(where: { $0.rotation.old == key || $0.rotation.new == key })
    }
}
