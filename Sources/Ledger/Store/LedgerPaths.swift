// Where the parts of a ledger lie: its file is named, the rest lies beside it.

struct LedgerPaths: Sendable {
    /// The SQLite file, absolute.
    let file: String

    init(_ file: String) { self.file = file }

    /// The directory that holds it.
    var directory: String {
        let above = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
            separator: "/")
        return above.isEmpty ? "/" : above
    }

    /// Signed checkpoints as they were made.
    var checkpoints: String { directory + "/checkpoints" }

    /// Source lists that were in force, by their version.
    var policies: String { directory + "/policies" }

    /// Files of sealed entries.
    var segments: String { directory + "/segments" }
}
