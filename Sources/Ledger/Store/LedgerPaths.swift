// Where the parts of a ledger lie: its file is named, the rest lies beside it.

package struct LedgerPaths: Sendable {
    /// The SQLite file, absolute.
    package let file: String

    package init(_ file: String) { self.file = file }

    private var directory: String {
        file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    }

    /// Signed checkpoints as they were made.
    package var checkpoints: String { directory + "/checkpoints" }

    /// Files of sealed entries.
    package var segments: String { directory + "/segments" }
}
