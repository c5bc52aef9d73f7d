// Tells the staging directory in which the ledger's drops lie from another one in its place: a mount that failed leaves an empty
// directory, in which everything that was accepted and is not released yet would count as lost, for good.
import Files

/// A random word in the staging directory, and the same word in a file beside the ledger.
package enum StagingMark {
    /// In the staging directory.
    private static let name = "id"
    private static let longest = 64

    /// Where the word is written down: beside the ledger, whose drops lie in staging.
    package static func known(inLedgerDirectory directory: String) -> String { directory + "/staging-id" }

    /// Throws `.failed` where the staging directory is not the one that is written down. Where one of the two has no word yet it gets
    /// the other's, and both a new one where there is none: so it is at the first start.
    /// - Parameter known: the file in which the word is written down.
    package static func check(_ staging: Directory, known: String) throws(StagingError) {
        switch (try mark(staging), try word(known)) {
        case (let mark?, let word?) where mark == word: return
        case (let mark?, nil): try write(mark, to: known)
        case (nil, nil):
            let mark = DropID.make(milliseconds: 0)
            try put(mark, in: staging)
            try write(mark, to: known)
        case (_, _?):
            throw StagingError(
                .failed,
                "\(staging.path) is not the staging directory that belongs to this ledger: is its filesystem mounted? If what "
                    + "was in it is lost for good, remove \(known) and start the gate; accepted files that it had not released "
                    + "are recorded as lost then")
        }
    }

    private static func mark(_ staging: Directory) throws(StagingError) -> String? {
        guard try staging.status(name) != nil else { return nil }
        return word(in: try staging.openFile(name).contents(limit: longest))
    }

    private static func word(_ known: String) throws(StagingError) -> String? {
        do throws(FileError) {
            guard try Presence.check(known) else { return nil }
            return word(in: Array(try FileReading.text(known).utf8))
        } catch {
            throw StagingError(.failed, "\(error)")
        }
    }

    /// nil: a crash left nothing in it.
    private static func word(in bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
        return text.isEmpty ? nil : text
    }

    private static func put(_ mark: String, in staging: Directory) throws(StagingError) {
        let new = name + ".new"
        try staging.remove(new)
        let file = try staging.createFile(new)
        try file.write(Array("\(mark)\n".utf8))
        try file.sync()
        try staging.replace(new, to: staging, as: name)
        try staging.sync()
    }

    private static func write(_ mark: String, to known: String) throws(StagingError) {
        do { try FileReplacement.write(Array("\(mark)\n".utf8), to: known, mode: 0o600) } catch {
            throw StagingError(.failed, "cannot write \(known): \(error)")
        }
    }
}
