// The first `ReadyStore`: `ready/` and `receipts/` of the staging directory. A release is a rename, so that what a consumer
// sees is whole. See `ReadyStore` for what each method gives.
import Synchronization

package final class LocalReadyStore: ReadyStore {
    private let root: Directory
    private let consumers: Consumers?
    let ready: Directory
    let receipts: RenewedDirectory
    /// Webhook batches on their way to `ready/`; until they are there the ledger keeps their events.
    let batches: RenewedDirectory
    /// Where receipts are written before they are moved; senders' uploads lie in directories beside them.
    let scratch: Directory
    /// Paths that are reserved for a drop whose entry is not yet committed.
    private let reserved = Mutex<Set<[UInt8]>>([])
    /// The receipts of the batch that was read last: who asks for one mostly asks for the others, too.
    let lastReceipts = Mutex<BatchReceipts?>(nil)

    /// Makes what is missing in the staging directory. Throws when something of it lies on another filesystem.
    /// - Parameter consumers: who may take what is released, beside this process's user.
    package init(root: Directory, consumers: Consumers? = nil) throws(StagingError) {
        self.root = root
        self.consumers = consumers
        ready = try root.durable([StagingLayout.ready])
        receipts = try RenewedDirectory(StagingLayout.receipts, in: root) { consumers?.admit(receipts: $0) }
        let incoming = try root.durable([StagingLayout.incoming])
        scratch = try incoming.durable([StagingLayout.sftp])
        batches = try RenewedDirectory(StagingLayout.webhook, below: incoming, in: root)
        for directory in [ready, scratch] { try directory.requireFilesystem(of: root) }
        consumers?.admit(ready, inReady: [])
    }

    /// The directory and name of a path such as `sftp/acme/a/b.xml` under `ready/`.
    func location(_ readyPath: String, create: Bool) throws(StagingError) -> (
        directory: Directory, name: String
    ) {
        var components = readyPath.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard components.allSatisfy(Directory.isComponent), let name = components.popLast() else {
            throw StagingError(.badPath, "not a path under ready/: \(readyPath.debugDescription)")
        }
        return (try create ? place(components) : directory(components, create: false), name)
    }

    /// Of the directories above a file, the channel's and the account's or the day's: what they are called is the gate's alone.
    private static let ownDepth = 2

    /// A directory below `ready/`. Throws `.obstructed` where one of the gate's own is none. Below those consumers may put what they like,
    /// and where that is in the way no file has a place of this name: `.badPath`.
    private func directory(_ components: [String], create: Bool) throws(StagingError) -> Directory {
        if create { try requireReady() }
        let own = try ready.subdirectory(Array(components.prefix(Self.ownDepth)), create: create)
        do throws(StagingError) {
            return try own.subdirectory(Array(components.dropFirst(Self.ownDepth)), create: create)
        } catch {
            throw error.code == .obstructed ? StagingError(.badPath, error.message) : error
        }
    }

    /// Unlike receipts, what waits for consumers is nothing that the gate makes anew without a word.
    private func requireReady() throws(StagingError) {
        switch root.loss(of: ready, as: StagingLayout.ready) {
        case nil: return
        case .moved: throw root.moved(StagingLayout.ready)
        case .removed:
            throw StagingError(
                .obstructed, "\(ready.path) was removed while the gate ran, with all that waited in it",
                fix:
                    "put it back from a backup if there is one, and restart the gate, which makes it if it is missing; what is not in "
                    + "it then counts as taken")
        }
    }

    // MARK: Made for consumers

    /// A directory below `ready/`; made where it is absent.
    func place(_ components: [String]) throws(StagingError) -> Directory {
        let place = try directory(components, create: true)
        try admit(components)
        return place
    }

    /// As `place`, and the names of those that had to be made are durable.
    func durablePlace(_ components: [String]) throws(StagingError) -> Directory {
        try requireReady()
        let place = try ready.durable(components)
        try admit(components)
        return place
    }

    private func admit(_ components: [String]) throws(StagingError) {
        guard let consumers else { return }
        var directory = ready
        for (index, component) in components.enumerated() {
            directory = try directory.subdirectory(component)
            consumers.admit(directory, inReady: Array(components[...index]))
        }
    }

    /// A directory among the receipts; made durably where it is absent.
    func durableReceipts(_ components: [String]) throws(StagingError) -> Directory {
        var place = try receipts.made()
        for component in components {
            place = try place.durable([component])
            consumers?.admit(receipts: place)
        }
        return place
    }

    /// A file that is to lie in `ready/` or among the receipts.
    func newFile(_ name: String, in directory: Directory) throws(StagingError) -> OpenFile {
        let file = try directory.createFile(name)
        consumers?.admit(file)
        return file
    }

    /// For a directory that is to lie in `ready/`.
    func admit(batch directory: Directory) { consumers?.admit(batch: directory) }

    /// For an uploaded file, before it lies in `ready/`.
    func admit(_ file: StagedFile) throws(StagingError) {
        guard let consumers else { return }
        consumers.admit(try file.directory.openFile(file.name))
    }

    // MARK: Names

    /// How many versions of one name may wait for their consumer.
    private static let mostVersions = 10_000

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

    package func reserve(exactly readyPath: String) {
        reserved.withLock { _ = $0.insert(Array(readyPath.utf8)) }
    }

    package func cancelReservation(_ readyPath: String) {
        _ = reserved.withLock { $0.remove(Array(readyPath.utf8)) }
    }

    // MARK: Receipts

    private static let longestReceipt = 1 << 20

    package func put(_ receipt: Receipt) throws {
        let temporary = StagingLayout.newReceipt(receipt.drop)
        do throws(StagingError) {
            // A leftover of a crash is written anew.
            try scratch.clear(temporary)
            try newFile(temporary, in: scratch).write(receipt.encoded())
            try scratch.replace(temporary, to: receipts.made(), as: StagingLayout.receipt(receipt.drop))
        } catch {
            guard error.code == .notFound else { throw error }
            // Whoever releases a drop takes `.notFound` for the loss of its file. `receipts/` is made anew by the next try.
            let isRemoved = scratch.isRemoved
            throw StagingError(
                isRemoved ? .obstructed : .failed,
                "the receipt of drop \(receipt.drop) cannot be written: \(error.message)",
                fix: isRemoved ? "restart the gate, which makes \(scratch.path) where it is missing" : nil)
        }
    }

    package func receipt(_ drop: String, at readyPath: String?) throws -> Receipt? {
        if let batch = readyPath.flatMap(BatchName.init(ofReady:)) {
            return try self.batch(batch)?.receipt(of: drop)
        }
        let name = StagingLayout.receipt(drop)
        let place = try receipts.current()
        guard DropID.isValid(drop), try place.status(name) != nil else { return nil }
        return try Receipt(parsing: place.openFile(name).contents(limit: Self.longestReceipt))
    }

    package func hasReceipt(_ drop: String, at readyPath: String?) throws(StagingError) -> Bool {
        guard DropID.isValid(drop) else { return false }
        if let batch = readyPath.flatMap(BatchName.init(ofReady:)) { return try status(of: batch) != nil }
        return try receipts.current().status(StagingLayout.receipt(drop)) != nil
    }

    package func removeReceipt(_ drop: String) throws(StagingError) {
        try receipts.current().remove(StagingLayout.receipt(drop))
    }

    // MARK: What lies there

    package func isOccupied(_ readyPath: String) throws(StagingError) -> Bool {
        do {
            let place = try location(readyPath, create: false)
            return try place.directory.status(place.name) != nil
        } catch  where error.code == .notFound {
            return false
        }
    }

    package func stillHolds(_ readyPath: String) throws(StagingError) -> Bool {
        do throws(StagingError) {
            return try isOccupied(readyPath)
        } catch {
            guard error.code == .badPath else { throw error }
            return false
        }
    }

    package func openReleased(_ readyPath: String) throws(StagingError) -> any ReleasedFile {
        let place = try location(readyPath, create: false)
        return try place.directory.openFile(place.name)
    }

    package func removeReleased(_ readyPath: String) throws(StagingError) -> Bool {
        do {
            let place = try location(readyPath, create: false)
            return try place.directory.remove(place.name)
        } catch  where error.code == .notFound || error.code == .badPath {
            return false
        }
    }

    package func removeEmptyDirectory(_ path: String) {
        guard let place = try? location(path, create: false) else { return }
        _ = try? place.directory.removeDirectory(place.name)
    }

    package func sync() throws(StagingError) { try root.syncFilesystem() }
}
