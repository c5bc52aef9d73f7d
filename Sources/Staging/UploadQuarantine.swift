// Uploads that no consumer gets: quarantine/sftp/<account>/<drop id>/ with the file and its receipt.
import TLS

extension StagingArea {
    /// Moves an upload into `quarantine/sftp/<account>/<drop>/` with its receipt, durable, and takes its receipt away
    /// from where consumers look. The receipt is written first: bytes in quarantine always have one. What was done
    /// before a crash is not done twice. A drop may have been there before, and have come again.
    /// - Parameters:
    ///   - incoming: where it lies, relative to the staging directory.
    ///   - receipt: `file` is set here.
    package func quarantine(incoming: String, of account: String, receipt: Receipt) throws {
        var receipt = receipt
        let place = try quarantine.subdirectory([StagingLayout.sftp, account, receipt.drop], create: true)
        let name = StagingLayout.quarantineName(receipt.name)
        receipt.file = StagingLayout.quarantinedFile(receipt.drop, of: account, sent: receipt.name)
        try write(receipt, in: place)
        if let file = try present(incoming) {
            try move(file, to: place, as: name, receipt)
            try place.sync()
        }
        try ready.removeReceipt(receipt.drop)
    }

    /// One id has one content, so a whole file takes the place of what lies there. What is damaged lies beside it.
    private func move(
        _ file: StagedFile, to place: Directory, as name: String, _ receipt: Receipt
    ) throws(StagingError) {
        do throws(StagingError) {
            return try file.directory.move(file.name, to: place, as: name)
        } catch {
            // Some file systems take names for the same that differ in case.
            guard error.code == .exists, !StagingLayout.isQuarantineReceipt(name.lowercased()) else {
                throw error
            }
        }
        let isWhole = try isWhole(file, receipt)
        try file.directory.replace(
            file.name, to: place, as: isWhole ? name : StagingLayout.quarantineDamaged(beside: name))
    }

    private func isWhole(_ staged: StagedFile, _ receipt: Receipt) throws(StagingError) -> Bool {
        let file = try staged.directory.openFile(staged.name)
        guard try file.status().bytes == receipt.bytes else { return false }
        var hash = SHA256()
        try file.forEachPiece { hash.update(bufferPointer: $0) }
        return hash.finalize().hex == receipt.sha256
    }

    /// The file at a path; nil where it is gone, which is known only when its directory could be looked into.
    private func present(_ incoming: String) throws(StagingError) -> StagedFile? {
        do throws(StagingError) {
            let file = try file(incoming)
            return try file.directory.status(file.name)?.isRegular == true ? file : nil
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }

    /// The receipt of an upload in quarantine; nil when there is none.
    package func quarantinedUpload(_ drop: String, of account: String) throws -> Receipt? {
        guard DropID.isValid(drop),
            let place = try quarantine.existing(StagingLayout.sftp)?.existing(account)?.existing(drop),
            try place.status(StagingLayout.quarantineReceipt) != nil
        else { return nil }
        return try Receipt(
            parsing: place.openFile(StagingLayout.quarantineReceipt).contents(
                limit: QuarantinedEvent.longestReceipt))
    }

    /// Removes what a crash left in `quarantine/sftp/` before the bytes were moved there. At the start only, while
    /// nothing is being moved. What cannot be looked at keeps no gate from its start; whoever removes what is old tells of it.
    package func removeEmptyQuarantine() throws(StagingError) {
        guard let accounts = try quarantine.existing(StagingLayout.sftp) else { return }
        for account in try accounts.names() {
            guard let drops = try? accounts.subdirectory(account), let names = try? drops.names() else {
                continue
            }
            for drop in names { try? removeEmpty(drop, in: drops) }
        }
    }

    private func removeEmpty(_ drop: String, in drops: Directory) throws(StagingError) {
        let place = try drops.subdirectory(drop)
        let names = try place.names()
        guard names.allSatisfy(StagingLayout.isQuarantineReceipt) else { return }
        for name in names { try place.remove(name) }
        try drops.removeDirectory(drop)
    }
}
