// Uploaded files on their way to `ready/sftp` and back: one rename each, so either the consumer has the file or the gate. The
// bytes were fsynced by the session, and the ledger's entry is committed before a release: a crash at any point here is
// completed at the next start.

extension LocalReadyStore {
    package func release(_ file: StagedFile, readyPath: String, receipt: Receipt, now: String) throws {
        try checkPresence(file)
        guard try !isOccupied(readyPath) else {
            throw StagingError(.exists, "\(StagingLayout.released(readyPath)) is there already")
        }
        try admit(file)
        try install(receipt, readyPath: readyPath, now: now)
        try show(file, at: readyPath)
        cancelReservation(readyPath)
    }

    /// How often the directories above a file are made anew for it.
    private static let mostTries = 20

    /// Moves a file to its place in `ready/`. Consumers may remove directories there that are empty, also one that has just been made
    /// for a file: it is made again. So `.notFound` is thrown for the file that is to be moved, and for nothing else.
    private func show(_ file: StagedFile, at readyPath: String) throws(StagingError) {
        for _ in 0..<Self.mostTries {
            do throws(StagingError) {
                let place = try location(readyPath, create: true)
                return try file.directory.move(file.name, to: place.directory, as: place.name)
            } catch {
                guard error.code == .notFound else { throw error }
                try checkPresence(file)
            }
        }
        throw StagingError(
            .failed,
            "somebody removes the directories of \(StagingLayout.released(readyPath)) as soon as they are made"
        )
    }

    private func checkPresence(_ file: StagedFile) throws(StagingError) {
        guard try file.directory.status(file.name)?.isRegular == true else {
            throw StagingError(.notFound, "\(file.directory.path)/\(file.name) is not there any more")
        }
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
        try admit(file)
        try show(file, at: readyPath)
    }
}
