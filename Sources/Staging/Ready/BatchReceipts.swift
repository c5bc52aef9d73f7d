// The receipts of a batch as their bytes, for those who pass them on drop by drop.

/// Reads only. The receipts of a batch are never written again once they are there.
package struct BatchReceipts: Sendable {
    package let name: BatchName
    /// Seconds since the epoch.
    package let modified: Int64
    private let lines: [String: [UInt8]]

    /// nil where there are none.
    /// - Parameter receipts: the staging directory's `receipts/`.
    package init?(_ name: BatchName, in receipts: Directory) throws {
        let folder: Directory
        do throws(StagingError) {
            folder = try receipts.subdirectory([StagingLayout.webhook, name.day])
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
        guard let status = try folder.status(name.receiptsName) else { return nil }
        let bytes = try folder.openFile(name.receiptsName).contents(limit: BatchName.longestReceipts)
        var lines: [String: [UInt8]] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            lines[try Receipt(parsing: Array(line)).drop] = line + [0x0A]
        }
        self.name = name
        modified = status.modified
        self.lines = lines
    }

    /// The receipt of a drop, as its own file would hold it.
    package subscript(drop: String) -> [UInt8]? { lines[drop] }
}
