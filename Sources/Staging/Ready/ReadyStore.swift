// What consumers get, wherever it is kept. Every implementation passes the conformance suite in Tests/StagingTests.

/// Released drops and their receipts. A path is relative to `ready/`, such as `sftp/acme/a/b.xml`.
///
/// - **Exactly once**: a drop whose release has returned is visible once under its path, whatever crashes; one whose release
///   threw may be tried again. `recover` finishes or throws away what a crash left, before anything else is called.
/// - **Receipts first**: whoever sees a drop finds its receipt.
/// - **Nothing is replaced**: where something lies already, a release throws `.exists`.
/// - **Consumers** take what is released at any time and without a word; what is gone is theirs.
/// - **Threads**: any; releases, by one at a time. Every call blocks.
/// - **Errors**: `StagingError`, and what a receipt throws that cannot be encoded or read. Where a place is obstructed (`.obstructed`) it
///   is not known what lies there; nothing is taken for gone.
package protocol ReadyStore: Sendable {
    /// Finishes or throws away what a crash left.
    func recover() throws

    // MARK: Names

    /// Reserves a free path for a file that wants `plain`: that path, or its second version and so on (`VersionName`) while
    /// earlier ones wait for their consumer. It is used by `release`, or given back by `cancelReservation`.
    func reserve(_ plain: String) throws(StagingError) -> String
    /// Reserves exactly this path: that of a drop which was accepted before the gate started.
    func reserve(exactly readyPath: String)
    func cancelReservation(_ readyPath: String)

    // MARK: Release

    /// Releases events, one file an event; many of them in a directory of their own (`BatchName`). Returns each drop and where its
    /// data lies. Durable when it returns.
    /// - Parameter now: becomes the receipts' `released`.
    func release(_ events: [WebhookRelease], now: String) throws -> [(id: String, readyPath: String)]
    /// Releases events as one NDJSON file a day, a line an event (`BatchLine`), named after the first event (`BatchName`). As
    /// `release`.
    func releaseTogether(_ events: [WebhookRelease], now: String) throws -> [(id: String, readyPath: String)]
    /// Makes a committed upload visible: receipt first, then the file. Durable only after `sync`; until then the drop stays
    /// pending in the ledger. Throws `.notFound` when the file is not there any more.
    func release(_ file: StagedFile, readyPath: String, receipt: Receipt, now: String) throws
    /// Makes all releases of uploads so far durable: names, receipts and data.
    func sync() throws(StagingError)
    /// Takes a released file back, durable. False: its consumer has it, or something else lies there.
    /// - Parameter bytes: its length.
    func takeBack(_ readyPath: String, bytes: Int64, to file: StagedFile) throws(StagingError) -> Bool
    /// Puts a file back that was taken back.
    func putBack(_ file: StagedFile, to readyPath: String) throws(StagingError)

    // MARK: Receipts

    /// Writes a receipt where consumers look, and replaces the one that is there.
    func put(_ receipt: Receipt) throws
    /// The receipt of a drop, or nil when there is none.
    /// - Parameter readyPath: where it was released to: one that was released with others may have no receipt of its own. nil:
    ///   it was released by itself.
    func receipt(_ drop: String, at readyPath: String?) throws -> Receipt?
    /// Whether there is a receipt of a drop, readable or not. As `receipt`.
    func hasReceipt(_ drop: String, at readyPath: String?) throws(StagingError) -> Bool
    /// Removes a drop's own receipt. Absent is not an error.
    func removeReceipt(_ drop: String) throws(StagingError)
    /// The receipts of a batch by their drops; nil when there are none, which means that the batch was never released.
    func receipts(of batch: BatchName) throws -> [String: Receipt]?
    /// Removes the receipts of a batch. Absent is not an error.
    func removeReceipts(of batch: BatchName) throws(StagingError)

    // MARK: What lies there

    /// Whether a file lies under this path.
    func isOccupied(_ readyPath: String) throws(StagingError) -> Bool
    /// As `isOccupied`, of a file that was there once: what is a file or a link by now, where a directory was, holds nothing.
    func stillHolds(_ readyPath: String) throws(StagingError) -> Bool
    /// Opens a released file for reading (verification only).
    func openReleased(_ readyPath: String) throws(StagingError) -> any ReleasedFile
    /// Calls `body` with everything that lies below a path, but for directories that can be looked into; in no order. Blocks; what it
    /// throws ends it.
    /// - Parameter root: ends with a slash; empty: all of `ready/`. Nothing where it is absent.
    func forEachFound(below root: String, _ body: (FoundInReady) throws -> Void) throws
    /// Removes a released file and returns whether it was there.
    @discardableResult
    func removeReleased(_ readyPath: String) throws(StagingError) -> Bool
    /// Removes a directory if it is there and empty; where there are no directories, nothing.
    func removeEmptyDirectory(_ path: String)
    /// Removes the directories of batches whose files have been taken.
    func removeEmptyBatches() throws(StagingError)
}

/// A file in `incoming/`, by its open directory.
package struct StagedFile: Sendable {
    package let directory: Directory
    package let name: String

    package init(_ name: String, in directory: Directory) {
        self.directory = directory
        self.name = name
    }
}

/// A released file that is being read back.
package protocol ReleasedFile: Sendable {
    func size() throws(StagingError) -> Int64
    /// As many bytes from `offset` on as there are and fit; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StagingError) -> Int
    /// Calls `body` with the file's bytes, piece by piece (at most 1 MiB each), from its start.
    /// - Parameter limit: what comes after so many bytes is not read.
    func forEachPiece(limit: Int64, _ body: (UnsafeRawBufferPointer) -> Void) throws(StagingError)
    /// The whole file. Throws `.failed` when it is longer than `limit` bytes.
    func contents(limit: Int) throws(StagingError) -> [UInt8]
}

/// What lies in `ready/`, whoever has put it there.
package struct FoundInReady: Sendable {
    package enum Kind: Sendable {
        case regularFile
        /// A link, a pipe, a socket or a device; or a directory so deep that nothing of the gate's is in it.
        case other
        /// This process may not look at it, or into it; what lies there is not known.
        case closed(StagingError)
    }

    /// Relative to `ready/`. A name that is no UTF-8 has U+FFFD in place of what is none, and cannot be asked for.
    package let path: String
    package let kind: Kind

    /// Whether a name, or one in a path, may be such a one.
    package static func isRepaired(_ name: String) -> Bool { name.unicodeScalars.contains("\u{FFFD}") }
}

/// An event to release. An object: a batch has thousands of them, and a copy of a receipt's many members for each step would cost.
package final class WebhookRelease: Sendable {
    /// `webhook/<day>/<name>`.
    package let readyPath: String
    package let body: [UInt8]
    /// `file`, `line` and `released` are set by the release.
    package let receipt: Receipt

    package init(readyPath: String, body: [UInt8], receipt: Receipt) {
        self.readyPath = readyPath
        self.body = body
        self.receipt = receipt
    }
}

extension Receipt {
    /// As it lies with a released drop.
    func released(at readyPath: String, now: String) -> Receipt {
        var receipt = self
        receipt.file = StagingLayout.released(readyPath)
        receipt.released = now
        return receipt
    }
}

extension ReleasedFile {
    /// All of it.
    package func forEachPiece(_ body: (UnsafeRawBufferPointer) -> Void) throws(StagingError) {
        try forEachPiece(limit: .max, body)
    }
}

extension ReadyStore {
    /// The regular files below a path, as `forEachFound`. Without those of directories that this process may not look into: of what is
    /// closed to it nothing is known.
    package func released(below root: String) throws -> [String] {
        var found: [String] = []
        try forEachFound(below: root) {
            if case .regularFile = $0.kind { found.append($0.path) }
        }
        return found
    }

    /// The receipt of a drop that was released by itself, or nil when there is none.
    package func receipt(_ drop: String) throws -> Receipt? { try receipt(drop, at: nil) }

    /// Whether there is a receipt of a drop that was released by itself.
    package func hasReceipt(_ drop: String) throws(StagingError) -> Bool { try hasReceipt(drop, at: nil) }

    /// Writes the receipt of a drop that lies at a path.
    package func install(_ receipt: Receipt, readyPath: String, now: String) throws {
        try put(receipt.released(at: readyPath, now: now))
    }

    /// Writes the sender's later modification time into the receipt of a released upload, if there is one.
    package func date(_ drop: String, modified: String) throws {
        guard var receipt = try receipt(drop) else { return }
        receipt.modified = modified
        try put(receipt)
    }

    /// Removes the empty directories of a tree, the lowest first.
    package func removeEmptyDirectories(_ paths: [String]) {
        for path in paths.sorted(by: { $0.utf8.count > $1.utf8.count }) { removeEmptyDirectory(path) }
    }
}
