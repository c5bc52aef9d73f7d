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

    /// Moves an upload into `quarantine/sftp/<account>/<drop>/` with its receipt, durable, and takes its receipt away
    /// from where consumers look. The receipt is written first: bytes in quarantine always have one. What was done
    /// before a crash is not done twice.
    /// - Parameters:
    ///   - incoming: where it lies, relative to the staging directory.
    ///   - receipt: `file` is set here.
    package func quarantine(incoming: String, of account: String, receipt: Receipt) throws {
        var receipt = receipt
        let place = try quarantine.subdirectory(["sftp", account, receipt.drop], create: true)
        let name = Self.quarantineName(receipt.name)
        receipt.file = Self.quarantinedFile(receipt.drop, of: account, sent: receipt.name)
        try write(receipt, in: place)
        var components = incoming.split(separator: "/").map(String.init)
        if let file = components.popLast(), let from = try? root.subdirectory(components),
            try from.status(file)?.isRegular == true
        {
            try from.move(file, to: place, as: name)
            try place.sync()
        }
        try receipts.remove(receipt.drop + ".json")
    }

    /// Removes what a crash left in `quarantine/sftp/` before the bytes were moved there. At the start only, while
    /// nothing is being moved.
    package func removeEmptyQuarantine() throws(StagingError) {
        guard let accounts = try quarantine.existing("sftp") else { return }
        for account in try accounts.names() {
            let drops = try accounts.subdirectory(account)
            for drop in try drops.names() {
                let place = try drops.subdirectory(drop)
                let names = try place.names()
                guard names.allSatisfy(Self.isQuarantineReceipt) else { continue }
                for name in names { try place.remove(name) }
                try drops.removeDirectory(drop)
            }
        }
    }

    private static func isQuarantineReceipt(_ name: String) -> Bool {
        name == QuarantinedEvent.receiptName || name == QuarantinedEvent.newReceiptName
    }

    /// Where the bytes of an upload lie in quarantine, relative to the staging directory.
    package static func quarantinedFile(_ drop: String, of account: String, sent: String) -> String {
        "quarantine/sftp/\(account)/\(drop)/\(quarantineName(sent))"
    }

    /// The last component of a name as sent, if it can be one in quarantine.
    package static func quarantineName(_ sent: String) -> String {
        let name = sent.split(separator: "/").last.map(String.init) ?? "unnamed"
        // The receipt lies beside it, and while it is written there is another one.
        return Directory.isComponent(name) && !isQuarantineReceipt(name) ? name : "upload"
    }

    /// Writes the sender's later modification time into the receipt of a released drop, if there is one.
    package func date(_ drop: String, modified: String) throws {
        guard var receipt = try receipt(drop) else { return }
        receipt.modified = modified
        try put(receipt)
    }
}
