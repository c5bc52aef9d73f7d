// Takes released files back before a consumer has them: for their sender, who renames or withdraws them, or into
// quarantine. A claim is one rename, so either the consumer has the file or the gate.

extension StagingArea {
    /// Takes a released file out of `ready/` to `claimed/<drop>`, durable. False: its consumer has it, or something
    /// else lies there.
    /// - Parameter bytes: its length.
    package func claim(
        _ drop: String, at readyPath: String, bytes: Int64, in files: PartialStore
    ) throws(StagingError) -> Bool {
        do throws(StagingError) {
            let place = try location(readyPath, create: false)
            guard let status = try place.directory.status(place.name), status.isRegular, status.bytes == bytes
            else { return false }
            try place.directory.move(place.name, to: files.claimed, as: drop)
            try files.claimed.sync()
            try place.directory.sync()
            return true
        } catch {
            if error.code == .notFound || error.code == .badPath { return false }
            throw error
        }
    }

    /// Puts a claimed file back where it was. Throws `.exists` when something lies there by now.
    package func unclaim(_ drop: String, to readyPath: String, in files: PartialStore) throws(StagingError) {
        let place = try location(readyPath, create: true)
        try files.claimed.move(drop, to: place.directory, as: place.name)
    }

    /// Where a claimed file lies, relative to the staging directory.
    package static func claimedFile(_ drop: String, of account: String) -> String {
        "incoming/sftp/\(account)/claimed/\(drop)"
    }

    /// Where the bytes of an accepted upload lie until it is released, relative to the staging directory.
    package static func acceptedFile(_ drop: String, of account: String) -> String {
        "incoming/sftp/\(account)/parts/\(PartialName.bytes(drop))"
    }

    /// Moves an accepted file into `quarantine/sftp/<account>/<drop>/` with its receipt, durable, and takes its
    /// receipt away from where consumers look. What was done before a crash is not done twice.
    /// - Parameters:
    ///   - incoming: where it lies, relative to the staging directory.
    ///   - receipt: `file` is set here.
    package func quarantine(incoming: String, of account: String, receipt: Receipt) throws {
        var receipt = receipt
        let place = try quarantine.subdirectory(["sftp", account, receipt.drop], create: true)
        let name = Self.quarantineName(receipt.name)
        var components = incoming.split(separator: "/").map(String.init)
        if let file = components.popLast(), let from = try? root.subdirectory(components),
            try from.status(file)?.isRegular == true
        {
            try from.move(file, to: place, as: name)
        }
        receipt.file = "quarantine/sftp/\(account)/\(receipt.drop)/\(name)"
        try write(receipt, in: place)
        try place.sync()
        try receipts.remove(receipt.drop + ".json")
    }

    /// The last component of a name as sent, if it can be one in quarantine.
    package static func quarantineName(_ sent: String) -> String {
        let name = sent.split(separator: "/").last.map(String.init) ?? "unnamed"
        // The receipt lies beside it, and while it is written there is another one.
        let isReceipt = name == QuarantinedEvent.receiptName || name == QuarantinedEvent.newReceiptName
        return Directory.isComponent(name) && !isReceipt ? name : "upload"
    }

    /// Writes the sender's later modification time into the receipt of a released drop, if there is one.
    package func date(_ drop: String, modified: String) throws {
        guard var receipt = try receipt(drop) else { return }
        receipt.modified = modified
        try put(receipt)
    }
}
