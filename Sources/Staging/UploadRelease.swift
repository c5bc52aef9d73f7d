// Releases uploaded files to `ready/sftp`: which name a file gets, and the rename that makes it visible.
// The bytes were fsynced by the session; the caller's ledger entry is committed before `release` is called,
// so a crash at any point here is completed at the next start.
import Synchronization

extension StagingArea {
    /// How many versions of one name may wait for their consumer.
    static let mostVersions = 10_000

    /// Reserves a free path under `ready/` for a file that wants `plain` (`sftp/<account>/<path as sent>`): that
    /// path, or its second version and so on (`VersionName`) while earlier ones wait for their consumer. It is
    /// used by `release`, or given back by `cancelReservation`.
    package func reserve(_ plain: String) throws(StagingError) -> String {
        for version in 1...Self.mostVersions {
            let candidate = VersionName.path(plain, version: version)
            let isFree = reserved.withLock { $0.insert(Array(candidate.utf8)).inserted }
            guard isFree else { continue }
            do {
                if try !isOccupied(candidate) { return candidate }
                cancelReservation(candidate)
            } catch {
                cancelReservation(candidate)
                throw error
            }
        }
        throw StagingError(.exists, "\(Self.mostVersions) versions of \(plain) wait for their consumer")
    }

    /// Reserves exactly this path: that of a drop which was accepted before the gate started.
    package func reserve(exactly readyPath: String) {
        reserved.withLock { _ = $0.insert(Array(readyPath.utf8)) }
    }

    package func cancelReservation(_ readyPath: String) {
        _ = reserved.withLock { $0.remove(Array(readyPath.utf8)) }
    }

    /// Makes a committed upload visible: receipt first, then the file. `incoming` is relative to the staging
    /// directory. Durable only after `sync`; until then the drop stays pending in the ledger's store.
    /// Throws `.exists` when something else took the name.
    package func release(incoming: String, readyPath: String, receipt: Receipt, now: String) throws {
        var components = incoming.split(separator: "/").map(String.init)
        guard let file = components.popLast() else { throw StagingError(.badPath, "no incoming file") }
        let from = try root.subdirectory(components)
        guard try from.status(file)?.isRegular == true else {
            throw StagingError(.notFound, "\(from.path)/\(file) is not there any more")
        }
        let place = try location(readyPath, create: true)
        guard try place.directory.status(place.name) == nil else {
            throw StagingError(.exists, "\(place.directory.path)/\(place.name) is there already")
        }
        try install(receipt, file: "ready/" + readyPath, now: now)
        try from.move(file, to: place.directory, as: place.name)
        cancelReservation(readyPath)
    }

    /// Writes a receipt where consumers look.
    package func install(_ receipt: Receipt, file: String, now: String) throws {
        var receipt = receipt
        receipt.file = file
        receipt.released = now
        try put(receipt)
    }

    func put(_ receipt: Receipt) throws {
        // Sessions' parts and this share one filesystem; a leftover of a crash is written anew.
        let temporary = receipt.drop + ".new"
        try uploads.remove(temporary)
        try uploads.createFile(temporary).write(receipt.encoded())
        try uploads.replace(temporary, to: receipts, as: receipt.drop + ".json")
    }

    /// Makes all releases so far durable: renames, receipts and data.
    package func sync() throws(StagingError) { try root.syncFilesystem() }
}
