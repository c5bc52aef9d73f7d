// The file of the receipts of a batch, as it is read.

/// A file of receipts is written once and never again.
package struct BatchReceipts: Sendable {
    package let name: BatchName
    /// As it was when the file was read.
    let status: FileStatus
    /// By drop.
    package let receipts: [String: Receipt]
    /// Some lines are no receipts.
    let isDamaged: Bool
    private let lines: [String: [UInt8]]

    /// nil where there are none. A line that is damaged costs no other.
    /// - Parameter receipts: the staging directory's `receipts/`.
    package init?(_ name: BatchName, in receipts: Directory) throws {
        guard let folder = try Self.folder(of: name, in: receipts),
            let status = try folder.status(name.receiptsName)
        else { return nil }
        let bytes = try folder.openFile(name.receiptsName).contents(limit: BatchName.longestReceipts)
        var (read, lines): ([String: Receipt], [String: [UInt8]]) = ([:], [:])
        let all = bytes.split(separator: UInt8(ascii: "\n"))
        for line in all {
            guard let receipt = try? Receipt(parsing: Array(line)) else { continue }
            read[receipt.drop] = receipt
            lines[receipt.drop] = line + [0x0A]
        }
        isDamaged = read.count < all.count || bytes.last != 0x0A
        (self.name, self.status, self.receipts, self.lines) = (name, status, read, lines)
    }

    /// The receipt of a drop of the batch. Throws `StagingError` where it may be what is damaged.
    func receipt(of drop: String) throws(StagingError) -> Receipt? {
        guard let receipt = receipts[drop] else {
            try requireWhole()
            return nil
        }
        return receipt
    }

    /// For whoever has to know all drops of the batch. Throws `StagingError`.
    func requireWhole() throws(StagingError) {
        guard isDamaged else { return }
        throw StagingError(
            .failed,
            "\(StagingLayout.receipts)/\(name.receiptsPath) is not as the gate wrote it; put the file back that the gate wrote"
        )
    }

    /// The directory with the receipts of a batch's day, or nil.
    static func folder(of name: BatchName, in receipts: Directory) throws(StagingError) -> Directory? {
        try receipts.existing(StagingLayout.webhook)?.existing(name.day)
    }

    /// Seconds since the epoch.
    package var modified: Int64 { status.modified }

    /// The receipt of a drop as its own file would hold it, byte for byte.
    package func bytes(of drop: String) -> [UInt8]? { lines[drop] }
}
