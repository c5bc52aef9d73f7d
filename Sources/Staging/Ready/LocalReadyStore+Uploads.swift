// Uploaded files on their way to `ready/sftp` and back: one rename each, so either the consumer has the file or the gate. The
// bytes were fsynced by the session, and the ledger's entry is committed before a release: a crash at any point here is
// completed at the next start.

extension LocalReadyStore {
    package func release(_ file: StagedFile, readyPath: String, receipt: Receipt, now: String) throws {
        guard try file.directory.status(file.name)?.isRegular == true else {
            throw StagingError(.notFound, "\(file.directory.path)/\(file.name) is not there any more")
        }
        let place = try location(readyPath, create: true)
        guard try place.directory.status(place.name) == nil else {
            throw StagingError(.exists, "\(place.directory.path)/\(place.name) is there already")
        }
        try admit(file)
        try install(receipt, readyPath: readyPath, now: now)
        try file.directory.move(file.name, to: place.directory, as: place.name)
        cancelReservation(readyPath)
    }

    package func takeBack(
        _ readyPath: String, bytes: Int64, to file: StagedFile
    ) throws(StagingError) -> Bool {
        do throws(StagingError) {
            let place = try location(readyPath, create: false)
            guard let status = try place.directory.status(place.name), status.isRegular, status.bytes == bytes
            else { return false }
            try place.directory.move(place.name, to: file.directory, as: file.name)
            try file.directory.sync()
            try place.directory.sync()
            return true
        } catch {
            if error.code == .notFound || error.code == .badPath { return false }
            throw error
        }
    }

    package func putBack(_ file: StagedFile, to readyPath: String) throws(StagingError) {
        let place = try location(readyPath, create: true)
        try admit(file)
        try file.directory.move(file.name, to: place.directory, as: place.name)
    }
}
