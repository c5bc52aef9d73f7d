// Releases many webhook events at once: one file an event and one rename for all of them, or one file for all. Each event
// appears exactly once even when the process or the machine dies at any point:
//
//   1. `incoming/webhook` gets the batch's data, a directory of files or one file of lines, and the file of its receipts; syncfs
//   2. the receipts are renamed into `receipts/webhook/<day>` (the point of no return), and that directory is made durable
//   3. the data is renamed into `ready/webhook/<day>`, and that directory is made durable
//
// After a crash data whose receipts are not in their place is thrown away (the events are still in the ledger's store), other
// data is moved to its place. A batch is named after its first event, so that a pending event that heads a batch is known to
// be released, and all others of the batch with it, even if its files were consumed already.

import JSON
import Synchronization

extension LocalReadyStore {
    /// From so many on, events of the layout `file` get a directory of their own.
    static let smallestBatch = 16

    /// A directory with a file an event.
    func releaseDirectory(
        _ events: ArraySlice<WebhookRelease>, _ name: BatchName, now: String
    ) throws -> [(id: String, readyPath: String)] {
        let batch = try emptyBatch(name.scratchDirectory)
        admit(batch: batch)
        var receipts = try lines(name.scratchReceipts)
        var released: [(id: String, readyPath: String)] = []
        released.reserveCapacity(events.count)
        for event in events {
            let readyPath = name.filePath(event.readyPath)
            try newFile(StagingLayout.fileName(of: event.readyPath), in: batch).write(event.body)
            try receipts.append {
                event.receipt.write(
                    to: &$0, file: StagingLayout.released(readyPath), line: nil, released: now)
            }
            released.append((event.receipt.drop, readyPath))
        }
        try receipts.finish()
        try publish(name, data: name.scratchDirectory, as: name.name)
        return released
    }

    /// One file with a line an event.
    func releaseLines(
        _ events: ArraySlice<WebhookRelease>, _ name: BatchName, now: String
    ) throws -> [(id: String, readyPath: String)] {
        let readyPath = name.linesPath
        let file = StagingLayout.released(readyPath)
        var data = try lines(name.scratchLines)
        var receipts = try lines(name.scratchReceipts)
        var bytes = CanonicalJSON(capacity: 1024)
        for (number, event) in events.enumerated() {
            bytes.removeAll()
            event.receipt.write(to: &bytes, file: file, line: number + 1, released: now)
            try data.append { BatchLine.write(event.body, receipt: bytes.bytes[...], to: &$0) }
            try receipts.append { $0.canonical(bytes.bytes[...]) }
        }
        try data.finish()
        try receipts.finish()
        try publish(name, data: name.scratchLines, as: name.linesName)
        return events.map { ($0.receipt.drop, readyPath) }
    }

    /// A new file of lines; what a failed attempt left is removed.
    private func lines(_ name: String) throws(StagingError) -> LineFile {
        let batches = try self.batches.made()
        try batches.clear(name)
        return LineFile(try newFile(name, in: batches))
    }

    private func publish(_ name: BatchName, data: String, as readyName: String) throws {
        let batches = try self.batches.made()
        try batches.syncFilesystem()
        let place = try durableReceipts([StagingLayout.webhook, name.day])
        try batches.replace(name.scratchReceipts, to: place, as: name.receiptsName)
        try place.sync()
        try show(name, data: data, as: readyName)
    }

    private func show(_ name: BatchName, data: String, as readyName: String) throws {
        let day = try durablePlace([StagingLayout.webhook, name.day])
        do throws(StagingError) {
            try batches.made().move(data, to: day, as: readyName)
        } catch {
            guard error.code == .exists else { throw error }
            try merge(data, into: day, as: readyName)
        }
        try day.sync()
    }

    /// The batch was released before, and its receipts were lost before its events were marked. Files of the same name are of the
    /// same event, so nothing is lost by what replaces them; no consumer misses a line, because what the new receipts do not tell
    /// of is released once more.
    private func merge(_ data: String, into day: Directory, as readyName: String) throws(StagingError) {
        let batches = try self.batches.made()
        guard try batches.status(data)?.isDirectory == true else {
            return try batches.replace(data, to: day, as: readyName)
        }
        let files = try batches.subdirectory(data)
        let place = try day.subdirectory(readyName)
        for name in try files.names() { try files.replace(name, to: place, as: name) }
        try place.sync()
        try batches.removeDirectory(data)
    }

    /// Finishes or throws away what a crash has left of a batch. False: it is no batch's.
    func recoverBatch(_ scratch: String) throws -> Bool {
        guard let name = BatchName(scratch: scratch) else { return false }
        let isDirectory = scratch == name.scratchDirectory
        guard try status(of: name) == nil else {
            try show(name, data: scratch, as: isDirectory ? name.name : name.linesName)
            return true
        }
        if isDirectory {
            _ = try emptyBatch(scratch)
            try batches.made().removeDirectory(scratch)
        } else {
            try batches.made().clear(scratch)
        }
        return true
    }

    /// The directory of a new batch; what a failed attempt left in it is removed.
    func emptyBatch(_ name: String) throws(StagingError) -> Directory {
        let batch = try batches.made().subdirectory(name, create: true)
        for file in try batch.names() { try batch.remove(file) }
        return batch
    }
}

// Receipts of batches.
extension LocalReadyStore {
    func status(of name: BatchName) throws(StagingError) -> FileStatus? {
        try BatchReceipts.folder(of: name, in: receipts.current())?.status(name.receiptsName)
    }

    package func receipts(of name: BatchName) throws -> [String: Receipt]? {
        guard let batch = try batch(name) else { return nil }
        try batch.requireWhole()
        return batch.receipts
    }

    func batch(_ name: BatchName) throws -> BatchReceipts? {
        if let known = lastReceipts.withLock({ $0 }), known.name == name,
            try status(of: name) == known.status
        {
            return known
        }
        let read = try BatchReceipts(name, in: receipts.current())
        lastReceipts.withLock { $0 = read }
        return read
    }

    package func removeReceipts(of name: BatchName) throws(StagingError) {
        let receipts = try self.receipts.current()
        guard let place = try BatchReceipts.folder(of: name, in: receipts) else { return }
        try place.remove(name.receiptsName)
        if let days = try receipts.existing(StagingLayout.webhook) { _ = try? days.removeDirectory(name.day) }
    }

    package func removeEmptyBatches() throws(StagingError) {
        guard let days = try ready.existing(StagingLayout.webhook) else { return }
        for day in try days.names() {
            guard let batches = try? days.subdirectory(day) else { continue }
            for name in try batches.names() where BatchName.isDirectory(name) {
                // One with files in it stays.
                _ = try? batches.removeDirectory(name)
            }
        }
    }
}
