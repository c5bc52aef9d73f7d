// From one signing key to the next, through every crash: the key to come is durable in a file of its own before the ledger has
// the entry that names it, and after a cut the ledger's entries say whether it takes its place or goes.
package import Files
import Foundation
package import Ledger
import Settings

extension LedgerKeys {
    /// Whether a rotation goes on or was cut off. Throws where this process may not look.
    package func isRotating() throws(FileError) -> Bool { try Presence.check(nextFile) }

    /// Makes the key to come, durably. One that was there before is gone: `settleRotation` comes first.
    func prepareNext() throws -> NoteSigner {
        let key = try NoteSigner(name: signer().verifier.name)
        try keepNext(key)
        try publish(key.verifier)
        return key
    }

    func keepNext(_ key: NoteSigner) throws {
        try FileReplacement.write(Array((key.secretText + "\n").utf8), to: nextFile, mode: 0o600)
    }

    /// Puts the key to come in its place. Throws a `ManagementError` when it is not there for certain.
    func installNext() throws {
        do throws(SystemError) { try FileReplacement.move(nextFile, to: settings.key) } catch {
            throw ManagementError(
                .internalError,
                "the ledger has the new key's entry, but it is not certain that \(nextFile) was put in its place: \(error)",
                fix: "fix the disk and restart the gate: the start does the rest", cause: error)
        }
    }

    /// Ends a rotation that a crash or an error has cut off. The ledger decides: a key that an entry has put in force takes its
    /// place, any other one goes, and its public half with it. For who holds the ledger's lock, before anything is signed.
    /// - Returns: what was done, for people; nil when there was nothing to end.
    /// Throws `ManagementError`, `FileError` or `LedgerError`.
    package func settleRotation() throws -> String? {
        guard try isRotating() else { return nil }
        let text = String(decoding: try FileReading.secret(nextFile), as: UTF8.self)
        let kept = NoteSigner(text.trimmingCharacters(in: .newlines))?.verifier
        guard let next = kept, let entry = try announcement(of: next) else {
            // What a backup has put back may be the current key once more.
            if let kept, try currentKey() != kept { try unpublish(kept) }
            guard unlink(nextFile) == 0 else {
                throw ManagementError(.internalError, "cannot remove \(nextFile): \(SystemError.last)")
            }
            return
                "a rotation of the ledger's signing key was interrupted before its entry: it is undone, and the old key stays"
        }
        if try !hasPublicKeys() || !verifiers().contains(next) { try publish(next) }
        try installNext()
        return
            "a rotation of the ledger's signing key was interrupted after its entry \(entry): it is completed, and from here on "
            + "\(next.description) signs"
    }

    private func currentKey() throws -> NoteVerifier? {
        guard try isThere() else { return nil }
        let text = String(decoding: try FileReading.secret(settings.key), as: UTF8.self)
        return NoteSigner(text.trimmingCharacters(in: .newlines))?.verifier
    }

    /// The entry that put a key in force. What was cut off long ago may be sealed by now.
    private func announcement(of key: NoteVerifier) throws -> Int64? {
        let reader = try ledger.reader()
        if let entry = try reader.keyRotations(sealed: false).entry(inForce: key) { return entry }
        guard try reader.hasSealedEntries() else { return nil }
        return try reader.keyRotations(sealed: true).entry(inForce: key)
    }

    /// As `signer`, and throws a `ManagementError` where the ledger says that another key has taken the place of this one: what
    /// it signs from then on, a verification tells as a forgery.
    package func signerInForce() throws -> NoteSigner {
        let key = try signer()
        if let error = try replacement(of: key.verifier, in: ledger.reader()) { throw error }
        return key
    }

    /// Why this key must not sign any more; nil when it may. Where this key signed the newest checkpoint it looks only at the entries
    /// behind that, for a start waits for this; what it signed before, a verification judges.
    func replacement(of key: NoteVerifier, in reader: any LedgerReading) throws -> ManagementError? {
        let newest = try reader.newestCheckpoint()
        let own = newest.flatMap { $0.note.isSigned(by: key) ? $0.checkpoint.size : nil }
        var rotations = try reader.keyRotations(sealed: false, from: own ?? 0)
        // A key that was put back from an old backup: its rotation may be sealed by now.
        if newest != nil, own == nil, rotations.newest(about: key) == nil, try reader.lastSealed() >= 0 {
            rotations = try reader.keyRotations(sealed: true)
        }
        guard let later = rotations.replacement(of: key) else { return nil }
        return ManagementError(
            .configuration,
            "\(settings.key) is not the key that signs the ledger any more: entry \(later.seq) puts "
                + "\(later.rotation.new.description) in its place",
            fix:
                "put that key back from a backup made after the rotation; if there is none, close this ledger and begin a new one, "
                + "as .github/guides/operating.md says under \"When a key is lost\"")
    }
}
