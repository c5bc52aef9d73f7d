// Tells the staging directory in which the ledger's drops lie from another one in its place: a mount that failed leaves an empty
// directory, in which everything that was accepted and is not released yet would count as lost, for good.
import Files
import Glibc

/// A random word in the staging directory, and the same word in a file beside the ledger.
package enum StagingMark {
    /// In the staging directory.
    private static let name = "id"
    private static let longest = 64

    /// Where the word is written down: beside the ledger, whose drops lie in staging.
    package static func known(inLedgerDirectory directory: String) -> String { directory + "/staging-id" }

    /// Where the word lies in a staging directory.
    package static func place(in staging: String) -> String { "\(staging)/\(name)" }

    /// Whether a staging directory that a gate has used has no `ready/` any more.
    package static func hasLostReady(_ staging: String) -> Bool {
        Presence.isGone("\(staging)/\(StagingLayout.ready)") && !Presence.isGone(place(in: staging))
    }

    /// Throws `.failed` where the directory at a path is not the one that is written down, and where nothing is written down and a
    /// ledger with drops meets a place without a staging directory; and `.denied` where this process may not read a word. Makes
    /// nothing. An empty file is a person's word that what is there is to be taken.
    /// - Parameters:
    ///   - known: the file in which the word is written down.
    ///   - mayBeNew: whether the ledger has no drops, so that nothing of it can lie anywhere. Asked only where it matters.
    package static func check(_ path: String, known: String, mayBeNew: () throws -> Bool) throws {
        var (staging, mark): (Directory?, String?) = (nil, nil)
        if try isThere(path) {
            let directory = try Directory(path: path)
            mark = try Self.mark(directory)
            staging = try directory.existing(StagingLayout.receipts)
        }
        switch (mark, try word(known)) {
        case (let mark?, .word(let word)) where mark == word: return
        case (_, .word): throw refusal(path, known)
        case (nil, .nothing) where staging == nil:
            guard try mayBeNew() else { throw refusal(path, known) }
        default: return
        }
    }

    /// Whether a person has said, by an empty file, that what is in the staging directory is to be taken as it is: what is not there is
    /// lost. `keep` ends that.
    package static func isGivenUp(known: String) throws(StagingError) -> Bool {
        guard case .anything = try word(known) else { return false }
        return true
    }

    /// Behind `check`: the directory and the file get each other's word, and both a new one where there is none.
    package static func keep(_ staging: Directory, known: String) throws(StagingError) {
        let mark = try mark(staging)
        if let mark, case .word(let word) = try word(known), mark == word { return }
        let word = mark ?? DropID.make(milliseconds: 0)
        if mark == nil { try staging.place(Array("\(word)\n".utf8), as: name, replacing: true) }
        try write(word, to: known)
    }

    private static func isThere(_ path: String) throws(StagingError) -> Bool {
        do { return try Presence.check(path) } catch {
            throw StagingError(error.isDenial ? .denied : .failed, "\(error)")
        }
    }

    private static func refusal(_ path: String, _ known: String) -> StagingError {
        StagingError(
            .failed,
            "\(path) is not the staging directory that belongs to this ledger: is its filesystem mounted? If its "
                + "contents are lost for good, make \(known) an empty file (truncate -s 0) and start the gate; accepted files that it had "
                + "not released are recorded as lost then")
    }

    /// What is written down.
    private enum Known {
        case nothing
        /// A person has emptied the file.
        case anything
        case word(String)
    }

    private static func mark(_ staging: Directory) throws(StagingError) -> String? {
        guard try staging.status(name) != nil else { return nil }
        if let denial = denial(place(in: staging.path)) { throw denial }
        return word(in: try staging.openFile(name).contents(limit: longest))
    }

    private static func word(_ known: String) throws(StagingError) -> Known {
        do throws(FileError) {
            guard try Presence.check(known) else { return .nothing }
            return word(in: Array(try FileReading.text(known).utf8)).map(Known.word) ?? .anything
        } catch {
            if let denial = denial(known) { throw denial }
            throw StagingError(
                .failed,
                "\(error). It names the staging directory of this ledger: put it back from a backup, or, if the filesystem with "
                    + "staging is mounted, make it an empty file (truncate -s 0) and start the gate")
        }
    }

    // MARK: Denials

    /// What to say where a word is there and this process may not read it; nil where nothing keeps it from that. Whose the file is to be
    /// is all that mends it: an empty one would give away what lies in staging.
    private static func denial(_ path: String) -> StagingError? {
        guard let barrier = Presence.barrier(path) else { return nil }
        guard barrier == path, let owner = Presence.owner(of: path) else { return refused(path) }
        let home = Presence.owner(of: Paths.directory(of: path))
        return closed(path, owner: owner, home: home, user: geteuid())
    }

    /// - Parameters:
    ///   - owner: of the file.
    ///   - home: who owns its directory, which is the gate's.
    ///   - user: who may not read it.
    static func closed(_ path: String, owner: uid_t, home: uid_t?, user: uid_t) -> StagingError {
        let needed =
            "and the gate does not start without it: it tells which staging directory is this ledger's"
        if owner == user {
            return StagingError(
                .denied, "its owner may not read \(path), \(needed)", fix: "chmod u+rw \(path)")
        }
        // Somebody else than the gate's user looks.
        guard let home, home != 0, owner != home else { return refused(path) }
        return StagingError(
            .denied, "\(path) belongs to another user, \(needed)",
            fix: AccessAdvice.handoverToGate(path, home))
    }

    /// It says who may read it.
    private static func refused(_ path: String) -> StagingError {
        StagingError(.denied, AccessAdvice.denial(path, SystemError(EACCES)))
    }

    // MARK: Words

    /// nil: there is nothing in it.
    private static func word(in bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
        return text.isEmpty ? nil : text
    }

    private static func write(_ mark: String, to known: String) throws(StagingError) {
        do { try FileReplacement.write(Array("\(mark)\n".utf8), to: known, mode: 0o600) } catch {
            throw StagingError(.failed, "cannot write \(known): \(error)")
        }
    }
}
