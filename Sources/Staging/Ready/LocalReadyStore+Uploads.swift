// Uploaded files on their way to `ready/sftp` and back: one rename each, so either the consumer has the file or the gate. The
// bytes were fsynced by the session, and the ledger's entry is committed before a release: a crash at any point here is
// completed at the next start.

extension LocalReadyStore {
    package func release(_ file: StagedFile, readyPath: String, receipt: Receipt, now: String) throws {
        try inPlace(of: readyPath, file) { place in
            guard try place.directory.status(place.name) == nil else {
                throw StagingError(.exists, "\(place.directory.path)/\(place.name) is there already")
            }
            try admit(file)
            try install(receipt, readyPath: readyPath, now: now)
            try file.directory.move(file.name, to: place.directory, as: place.name)
        }
        cancelReservation(readyPath)
    }

    /// How often the directories above a file are made anew for it.
    private static let mostTries = 20

    /// Gives the directory in which a file is to lie, and the name there. Consumers may remove directories of `ready/` that are
    /// empty, also one that has just been made for a file: then all of it is done again. So `.notFound` is thrown for the file that
    /// is to be moved, and for nothing else.
    private func inPlace(
        of readyPath: String, _ file: StagedFile, move: ((directory: Directory, name: String)) throws -> Void
    ) throws {
        var last: StagingError?
        for _ in 0..<Self.mostTries {
            guard try file.directory.status(file.name)?.isRegular == true else {
                throw StagingError(.notFound, "\(file.directory.path)/\(file.name) is not there any more")
            }
            do {
                return try move(location(readyPath, create: true))
            } catch let error as StagingError where error.code == .notFound {
                last = error
            }
        }
        throw StagingError(
            .failed,
            "somebody removes the directories that are made in ready/ for \(readyPath): \(last?.description ?? "")"
        )
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

    package func putBack(_ file: StagedFile, to readyPath: String) throws {
        try inPlace(of: readyPath, file) { place in
            try admit(file)
            try file.directory.move(file.name, to: place.directory, as: place.name)
        }
    }
}
